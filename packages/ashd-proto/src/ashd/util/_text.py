"""What clients sent, made fit for a log or a page."""

from __future__ import annotations

MAX_SHOWN = 200
"""Bytes of what a client sent that are repeated to anybody: a log or a page needs no more to tell
which request it was."""


def printable(data: bytes, limit: int = MAX_SHOWN) -> str:
    """Return at most `limit` bytes as text without control characters, which are escaped."""
    text = data[:limit].decode("utf-8", "backslashreplace")
    shown = "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
    return shown if len(data) <= limit else f"{shown}... ({len(data)} bytes)"

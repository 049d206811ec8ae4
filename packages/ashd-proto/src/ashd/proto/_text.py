"""What clients sent, as text for a log."""

from __future__ import annotations

MAX_LOGGED = 200
"""Bytes of a client's that a log line repeats: enough to find the request."""


def printable(data: bytes, limit: int = MAX_LOGGED) -> str:
    """Return bytes as text that can't act on a terminal or begin a line of its own.

    Everything that isn't printable (the control characters C0 and C1, the ones that change the
    direction of text, bytes that aren't UTF-8) is escaped. What is longer than `limit` is cut.
    """
    text = data[:limit].decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(map(_escape, text))
    return text + "..." if len(data) > limit else text


def _escape(character: str) -> str:
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")

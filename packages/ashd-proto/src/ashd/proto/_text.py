"""What clients sent, as text for a log or a terminal."""

from __future__ import annotations

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(0x20), *range(0x7F, 0xA0))}
"""The control characters of ISO 6429: C0, DEL and C1, which terminals obey."""


def printable(string: bytes) -> str:
    """Return `string` as latin-1 text, with control characters escaped, as in `repr`."""
    return string.decode("latin-1").translate(_ESCAPES)

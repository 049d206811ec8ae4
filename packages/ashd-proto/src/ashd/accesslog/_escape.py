"""What clients sent, as it may stand in a line of an access log: it can't end or forge one. No I/O.

Escaped values are ASCII without control characters, so none acts on a terminal. In text, neither a
quotation mark nor a backslash comes from a client as such. Everything is bounded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence

_MAX_KEPT = 256  # bytes of a value whose escaped form is kept, and how many of these
_UNSAFE = re.compile(rb"[^ !#-\[\]-~]")
_SAFE = bytes(byte for byte in range(256) if not _UNSAFE.match(bytes([byte])))
_CUT_ESCAPE = re.compile(rb"\\(?:x[0-9a-f]?)?\Z")
_MORE = "..."
_LONGEST_ESCAPE = 6  # \u0000


def all_plain(values: Sequence[bytes]) -> bool:
    """Tell whether there is nothing in values that is escaped; they may be long."""
    return not b" ".join(values).translate(None, _SAFE)


def escape_text(value: bytes, limit: int) -> bytes:
    r"""Return a value with `\xNN` in place of what isn't printable ASCII; `-` for an empty one."""
    if len(value) <= limit and not _UNSAFE.search(value):
        return value or b"-"
    escaped = _UNSAFE.sub(_escape_byte, value[:limit])
    if len(escaped) > limit or len(value) > limit:
        escaped = _CUT_ESCAPE.sub(b"", escaped[: limit - len(_MORE)]) + _MORE.encode()
    return escaped


def _escape_byte(match: re.Match[bytes]) -> bytes:
    return b"\\x%02x" % match[0][0]


def escape_json(value: bytes, limit: int) -> bytes:
    """Return a value as a JSON string; `null` for an empty one."""
    if not value:
        return b"null"
    if len(value) <= limit and not _UNSAFE.search(value):
        return b'"%b"' % value
    text = value[:limit].decode("utf-8", "backslashreplace")
    string = json.dumps(text)
    if len(string) > limit or len(value) > limit:
        string = json.dumps(text[: limit // _LONGEST_ESCAPE] + _MORE)
    return string.replace("\x7f", "\\u007f").encode("ascii")


class Escaped(dict[bytes, bytes]):
    """Escaped forms of values, kept for when they come again, within a bound."""

    def __init__(self, escape: Callable[[bytes, int], bytes], limit: int) -> None:
        """Start empty."""
        super().__init__()
        self._escape = escape
        self._limit = limit

    def __missing__(self, value: bytes) -> bytes:
        """Escape a value that isn't known."""
        escaped = self._escape(value, self._limit)
        if len(value) <= _MAX_KEPT:
            if len(self) >= _MAX_KEPT:
                self.clear()
            self[value] = escaped
        return escaped

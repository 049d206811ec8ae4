"""Chunked bodies: the grammar of lines (RFC 9112, 7.1). Pure functions on one line each."""

from __future__ import annotations

import re

from ._errors import RequestError
from ._limits import MAX_TRAILERS
from ._syntax import TEXT, TOKEN

# An extension is dropped, but another program may read it differently: so it must be well formed.
# No byte can be taken in two ways, so this is linear without possessive quantifiers, which are
# broken before Python 3.11.5.
_QUOTED = rb'"(?:[\t !#-\[\]-~]|\\[\t -~])*"'
_EXTENSION = rb"[ \t]*;[ \t]*" + TOKEN + rb"(?:[ \t]*=[ \t]*(?:" + TOKEN + rb"|" + _QUOTED + rb"))?"
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:" + _EXTENSION + rb")*\r\n")
_TRAILER = re.compile(TOKEN + rb":" + TEXT + rb"\r\n")


def chunk_size(line: bytes) -> int:
    """Return what the line in front of a chunk announces; raises `RequestError`."""
    match = _CHUNK_LINE.fullmatch(line)
    if match is None:
        raise RequestError(400, "A chunk of the request body has a malformed length or extension.")
    return int(match[1], 16)


def check_trailer(line: bytes, size: int) -> None:
    """Raise `RequestError` unless this is a trailer line; they have `size` bytes together."""
    if not _TRAILER.fullmatch(line):
        raise RequestError(400, "A trailer line is not a name, a colon and a value.")
    if size > MAX_TRAILERS:
        raise RequestError(431, f"The trailers are larger than {MAX_TRAILERS} bytes.")

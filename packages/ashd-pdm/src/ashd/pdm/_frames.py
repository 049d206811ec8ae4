"""The framing of PERF messages: a 4-byte signed big-endian length, then that many bytes. Pure
functions.
"""

from __future__ import annotations

import struct

from ._errors import ProtocolError

_LENGTH = struct.Struct(">i")
HEADER_SIZE = _LENGTH.size


def frame(body: bytes) -> bytes:
    """Return the message that carries `body`."""
    return _LENGTH.pack(len(body)) + body


def body_length(header: bytes, most: int) -> int:
    """Return the length that a header announces; `ProtocolError` if it isn't from 0 to `most`."""
    length: int = _LENGTH.unpack(header)[0]
    if not 0 <= length <= most:
        raise ProtocolError(f"a message of {length} bytes; the limit is {most}")
    return length

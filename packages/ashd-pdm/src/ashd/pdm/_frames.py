"""The framing of PERF messages: a 4-byte signed big-endian length, then that many bytes."""

from __future__ import annotations

import struct

from ._errors import ProtocolError
from ._stream import Stream

_LENGTH = struct.Struct(">i")


class LengthError(ProtocolError):
    """A message is announced that is too long, or has a negative length."""


def frame(body: bytes) -> bytes:
    """Return the message that carries `body`."""
    return _LENGTH.pack(len(body)) + body


def read_message(stream: Stream, most: int, seconds: float | None) -> bytes | None:
    """Return the body of the next message; None at end-of-file. `seconds` is the limit between one
    byte and the next, once it has begun. `LengthError` if it has more than `most` bytes.
    """
    header = stream.read_exactly(_LENGTH.size, seconds, first=True)
    if header is None:
        return None
    length: int = _LENGTH.unpack(header)[0]
    if not 0 <= length <= most:
        raise LengthError(f"a message of {length} bytes; the limit is {most}")
    return stream.read_exactly(length, seconds)

"""The chunks of a response that a handler chunks by itself. No I/O.

What is in them, and where they end. Lines may come in any pieces: nothing is looked at twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from ._errors import ResponseError
from ._limits import MAX_CHUNK_LINE, MAX_TRAILERS
from ._syntax import TEXT, TOKEN

_SIZE_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;" + TEXT + rb")?\r\n")
_FRAMING = rb"(?i:Transfer-Encoding|Content-Length):"  # not in trailers (RFC 9110, 6.5.1)
_TRAILER_LINE = re.compile(rb"(?!" + _FRAMING + rb")" + TOKEN + rb":" + TEXT + rb"\r\n")
_CRLF = b"\r\n"


class ChunkFollower:
    """Follows a chunked body (RFC 9112, 7.1) up to its end."""

    __slots__ = ("_left", "_line", "_take_line", "_trailers", "complete", "used")

    def __init__(self) -> None:
        """Start in front of the first chunk."""
        self._line = bytearray()  # as far as it has come
        self._take_line: Callable[[bytes], None] = self._take_size
        self._left = 0
        self._trailers = 0
        self.complete = False
        self.used = 0
        """How many bytes of the last piece belong to the body."""

    def feed(self, data: bytes) -> bytes:
        """Return what is in the chunks; raises `ResponseError` when they are malformed."""
        pieces: list[bytes] = []
        position = 0
        while position < len(data) and not self.complete:
            if self._left:
                piece = data[position : position + self._left]
                pieces.append(piece)
                self._left -= len(piece)
                position += len(piece)
            else:
                position = self._read_line(data, position)
        self.used = position
        return b"".join(pieces)

    def _read_line(self, data: bytes, position: int) -> int:
        room = MAX_CHUNK_LINE - len(self._line)
        end = data.find(b"\n", position, position + room) + 1
        self._line += data[position : end or position + room]
        if self._take_line == self._take_chunk_end and not _CRLF.startswith(self._line):
            raise ResponseError("A chunk of the response is longer than its length says.")
        if end:
            line = bytes(self._line)
            self._line.clear()
            self._take_line(line)
            return end
        if len(self._line) >= MAX_CHUNK_LINE:
            raise ResponseError("A line of the chunked response is too long.")
        return len(data)

    def _take_size(self, line: bytes) -> None:
        match = _SIZE_LINE.fullmatch(line)
        if match is None:
            raise ResponseError("A chunk of the response has a malformed length.")
        self._left = int(match[1], 16)
        self._take_line = self._take_chunk_end if self._left else self._take_trailer

    def _take_chunk_end(self, _: bytes) -> None:
        self._take_line = self._take_size

    def _take_trailer(self, line: bytes) -> None:
        self.complete = line == _CRLF
        self._trailers += len(line)
        if not self.complete and not _TRAILER_LINE.fullmatch(line):
            raise ResponseError("A trailer line of the response is malformed or framing.")
        if self._trailers > MAX_TRAILERS:
            raise ResponseError("The trailers of the response are too large.")

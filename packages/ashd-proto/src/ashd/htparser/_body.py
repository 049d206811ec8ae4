"""Request bodies: where they end, and what is in them. No I/O.

Both readers have the contract of `BodyReader`.
"""

from __future__ import annotations

import re
from typing import Protocol

from ._errors import RequestError
from ._limits import MAX_CHUNK_LINE, MAX_TRAILERS
from ._syntax import TEXT, TOKEN

_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]{1,15})(?:[ \t]*;" + TEXT + rb")?")
_TRAILER = re.compile(TOKEN + rb":" + TEXT)


class BodyReader(Protocol):
    """Takes what a client sends behind a head, and gives the body."""

    complete: bool
    """Whether the end was found."""
    rest: bytes
    """What came behind the end."""

    def feed(self, data: bytes) -> bytes:
        """Return the part of the body that is in `data`; may be empty before the end.

        Raises `RequestError` when the framing is broken. Not to be called when complete.
        """
        ...


class LengthBody:
    """A body with a Content-Length."""

    __slots__ = ("_left", "complete", "rest")

    def __init__(self, length: int) -> None:
        """Expect `length` bytes, at least one."""
        self._left = length
        self.complete = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """See `BodyReader`."""
        if len(data) < self._left:
            self._left -= len(data)
            return data
        self.complete = True
        self.rest = data[self._left :]
        return data[: self._left]


class ChunkedBody:
    """A chunked body (RFC 9112, 7.1). Extensions and trailers are checked and dropped.

    Three things can be expected next: a line (`_left` is 0), bytes of a chunk, or the CRLF behind
    them (`_left` counts its two bytes as well).
    """

    __slots__ = ("_buffer", "_left", "_limit", "_size", "_trailers", "complete", "rest")

    def __init__(self, limit: int = 0) -> None:
        """Refuse a body of more than `limit` bytes; 0 means no limit."""
        self._limit = limit
        self._buffer = b""
        self._left = 0
        self._size = 0
        self._trailers = -1
        self.complete = False
        self.rest = b""

    def feed(self, data: bytes) -> bytes:
        """See `BodyReader`."""
        if self._buffer:
            data, self._buffer = self._buffer + data, b""
        pieces: list[bytes] = []
        position = 0
        while position < len(data) and not self.complete:
            advance = self._chunk if self._left else self._line
            consumed = advance(data, position, pieces)
            if not consumed:
                self._buffer = data[position:]
                break
            position += consumed
        if self.complete:
            self.rest = data[position:]
        return b"".join(pieces)

    def _chunk(self, data: bytes, position: int, pieces: list[bytes]) -> int:
        if self._left > 2:
            piece = data[position : position + self._left - 2]
            pieces.append(piece)
            self._left -= len(piece)
            return len(piece)
        end = data[position : position + 2]
        if not b"\r\n".startswith(end):
            raise RequestError(400, "A chunk of the request body is longer than its length says.")
        if len(end) == 2:
            self._left = 0
            return 2
        return 0

    def _line(self, data: bytes, position: int, _: list[bytes]) -> int:
        end = data.find(b"\r\n", position, position + MAX_CHUNK_LINE)
        if end < 0:
            if len(data) - position >= MAX_CHUNK_LINE or b"\n" in data[position:]:
                raise RequestError(400, "A line of the chunked request body is malformed.")
            return 0
        line = data[position:end]
        if self._trailers >= 0:
            self._trailer(line)
        else:
            self._start_chunk(line)
        return len(line) + 2

    def _start_chunk(self, line: bytes) -> None:
        match = _CHUNK_LINE.fullmatch(line)
        if match is None:
            raise RequestError(400, "A chunk of the request body has a malformed length.")
        size = int(match[1], 16)
        self._size += size
        if 0 < self._limit < self._size:
            raise RequestError(413, f"The request body is larger than {self._limit} bytes.")
        if size:
            self._left = size + 2
        else:
            self._trailers = 0

    def _trailer(self, line: bytes) -> None:
        self._trailers += len(line) + 2
        if not line:
            self.complete = True
        elif not _TRAILER.fullmatch(line):
            raise RequestError(400, "A trailer line is not a name, a colon and a value.")
        elif self._trailers > MAX_TRAILERS:
            raise RequestError(431, f"The trailers are larger than {MAX_TRAILERS} bytes.")


def body_reader(length: int | None, limit: int) -> BodyReader | None:
    """Return a reader for a body of that length (None: chunked), or None if there is no body."""
    if length is None:
        return ChunkedBody(limit)
    return LengthBody(length) if length else None

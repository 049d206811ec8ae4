"""The receiving half of a connection: bytes go in, events come out. No I/O.

`feed` takes what was received, and `next_event` says what it means:

- a `RequestHead`; if its `length` is 0, it is the whole request, otherwise there follow
- pieces of the body, decoded (`bytes`), and
- `END`, after which comes the next head;
- None when more bytes have to come first.

A request that can't be passed on raises `RequestError` as soon as that is certain; ask for nothing
more then. Bytes stay in the buffer until they are asked for, so requests that were sent ahead wait
there. All work is linear in the bytes, however the client cuts them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from enum import Enum

from ._body import check_trailer, chunk_size
from ._buffer import ReceiveBuffer
from ._errors import RequestError
from ._head import (
    RequestHead,
    body_too_large,
    check_line,
    check_size,
    check_start,
    complaint,
    parse_head,
)
from ._limits import (
    CHUNKS_AT_ONCE,
    MAX_CHUNK_LINE,
    MAX_EMPTY_LINES,
    MAX_SHOWN,
    START_WINDOW,
    Limits,
)

_HEAD_METHOD = b"HEAD "
_CR = 13
_CRLF = b"\r\n"
_HEAD_END = b"\r\n\r\n"
# What can't become a good line. The first byte of the next piece decides about a CR at the end.
_BROKEN_HEAD = re.compile(rb"\x00|\r(?!\n|\Z)|[^\r]\n")
_BROKEN_LINE = re.compile(rb"\x00|\r(?!\n|\Z)|(?:\A|[^\r])\n")


class End(Enum):
    """The end of a body."""

    END = "end"


END = End.END
Event = RequestHead | bytes | End | None


class RequestReader:
    """See the module."""

    __slots__ = (
        "_chunk_part",
        "_empty_lines",
        "_left",
        "_limits",
        "_line_ended",
        "_size",
        "_trailers",
        "buffer",
        "feed",
        "next_event",
        "refused",
    )

    def __init__(self, limits: Limits, buffer: ReceiveBuffer | None = None) -> None:
        """Read requests within `limits`, out of `buffer` if there is one, which must be empty."""
        self._limits = limits
        self.buffer = ReceiveBuffer() if buffer is None else buffer
        """What was fed and belongs to no event yet; it is not to be changed."""
        self.feed: Callable[[bytes], None] = self.buffer.append
        """Takes bytes of the client."""
        self.next_event: Callable[[], Event] = self._read_head
        """Returns what comes next; raises `RequestError`. It is another method in each stage."""
        self.refused = b""
        """The beginning of a head that could not be passed on."""
        self._empty_lines = 0
        self._line_ended = False  # the request line has ended, while the head has not
        self._left = 0  # bytes of the body, or of the chunk
        self._chunk_part: Callable[[list[bytes]], bool] = self._read_chunk_line
        self._size = 0  # of all chunks
        self._trailers = 0

    # Heads

    def _read_head(self) -> RequestHead | None:
        buffer = self.buffer
        size = buffer.find(_HEAD_END)
        if not size:
            if buffer.size:
                self._check_partial_head()
            return None
        data = buffer.take(size)
        if data[0] == _CR:
            data = self._skip_empty_lines(data)
            if not data:
                return self._read_head()
        try:
            head = parse_head(data, self._limits)
        except RequestError as error:
            error.head_only = data.startswith(_HEAD_METHOD)
            self.refused = data[:MAX_SHOWN]
            raise
        self._empty_lines = 0
        self._line_ended = False
        if head.length != 0:
            self._expect_body(head.length)
        return head

    def _skip_empty_lines(self, data: bytes) -> bytes:
        """Skip what old clients send before a request (RFC 9112, 2.2)."""
        while data.startswith(_CRLF):
            data = data[len(_CRLF) :]
            self._empty_lines += 1
            if self._empty_lines > MAX_EMPTY_LINES:
                raise RequestError(400, "There are too many empty lines before the request.")
        return data

    def _check_partial_head(self) -> None:
        """Raise `RequestError` when nothing that follows could make this a good head."""
        while self.buffer.startswith(_CRLF):
            self._skip_empty_lines(self.buffer.take(len(_CRLF)))
        try:
            self._check_unseen()
        except RequestError as error:
            error.head_only = self.buffer.startswith(_HEAD_METHOD)
            raise

    def _check_unseen(self) -> None:
        buffer, limits = self.buffer, self._limits
        piece = buffer.unseen()
        before = buffer.size - len(piece)
        if _BROKEN_HEAD.search(piece):
            raise complaint(buffer.peek(buffer.size))
        if not self._line_ended:
            end = piece.find(_CRLF)
            self._line_ended = end >= 0
            check_line(before + end if end >= 0 else buffer.size, limits)
        check_size(buffer.size, limits)
        if before < START_WINDOW:
            check_start(buffer.peek(START_WINDOW))

    # Bodies

    def _expect_body(self, length: int | None) -> None:
        if length is not None:
            self._left = length
            self.next_event = self._read_length
            return
        self._size = 0
        self._trailers = 0
        self._chunk_part = self._read_chunk_line
        self.next_event = self._read_chunks

    def _read_length(self) -> bytes | None:
        piece = self.buffer.take(self._left)
        self._left -= len(piece)
        if not self._left:
            self.next_event = self._end
        return piece or None

    def _end(self) -> End:
        self.next_event = self._read_head
        return END

    def _read_chunks(self) -> Event:
        pieces: list[bytes] = []
        while len(pieces) < CHUNKS_AT_ONCE and self._chunk_part(pieces):
            pass
        if pieces:
            return b"".join(pieces)
        return None if self.next_event == self._read_chunks else self.next_event()

    def _read_chunk_line(self, _: list[bytes]) -> bool:
        line = self._take_line()
        if line is None:
            return False
        self._left = chunk_size(line)
        self._size += self._left
        if 0 < self._limits.body_size < self._size:
            raise body_too_large(self._limits)
        self._chunk_part = self._read_chunk if self._left else self._read_trailer
        return True

    def _read_chunk(self, pieces: list[bytes]) -> bool:
        piece = self.buffer.take(self._left)
        if not piece:
            return False
        pieces.append(piece)
        self._left -= len(piece)
        if not self._left:
            self._chunk_part = self._read_chunk_end
        return True

    def _read_chunk_end(self, _: list[bytes]) -> bool:
        end = self.buffer.peek(len(_CRLF))
        if not _CRLF.startswith(end):
            raise RequestError(400, "A chunk of the request body is longer than its length says.")
        if end != _CRLF:
            return False
        self.buffer.take(len(_CRLF))
        self._chunk_part = self._read_chunk_line
        return True

    def _read_trailer(self, _: list[bytes]) -> bool:
        line = self._take_line()
        if line is None:
            return False
        if line == _CRLF:
            self.next_event = self._end
            return False
        self._trailers += len(line)
        check_trailer(line, self._trailers)
        return True

    def _take_line(self) -> bytes | None:
        buffer = self.buffer
        size = buffer.find(_CRLF)
        if 0 < size <= MAX_CHUNK_LINE:
            return buffer.take(size)
        if size or buffer.size > MAX_CHUNK_LINE or _BROKEN_LINE.search(buffer.unseen()):
            raise RequestError(400, "A line of the chunked request body is malformed.")
        return None

"""What an application says of its response, and how that goes out: `start_response` of PEP 3333.

The head waits for the first piece of body, so that a failure before it can still be answered, and a
body of known size gets its length.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from types import TracebackType

from ._channel import Channel
from ._errors import ResponseError
from ._head import MAX_HEAD, header_bytes, status_bytes

logger = logging.getLogger("ashd.wsgi")

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]
Write = Callable[[bytes], object]

LAST_CHUNK = b"0\r\n\r\n"
"""Tells a front end that asked for chunks that the body is whole (RFC 9112, section 7.1)."""

WRITE_BUFFER = 1 << 20
"""Bytes of `write()` that a model which drives responses keeps unsent; then the application waits,
so that a page is soon out of its thread, and a download doesn't fill the memory."""

JOIN = 1 << 16
"""Bytes up to which pieces are joined with each other and with the head: copying them costs less
than another system call."""

ASHD_STATUS_LINE = b"HTTP/1.1 "
SCGI_STATUS_LINE = b"Status: "


class Response(Channel):
    """A response that is being put together and sent."""

    __slots__ = (
        "_app_length",
        "_can_chunk",
        "_chunked",
        "_doubtful",
        "_excess",
        "_head_sent",
        "_headers",
        "_is_head",
        "_length_sent",
        "_remaining",
        "_silent",
        "_status",
        "_status_line",
    )

    def __init__(self, fd: int, status_line: bytes, is_head: bool) -> None:
        """Own `fd`; start the head with `status_line`; send no body if `is_head`."""
        super().__init__(fd)
        self._status_line = status_line
        self._is_head = is_head
        self._status: bytes | None = None
        self._headers = b""
        self._app_length: int | None = None  # the application's own Content-Length
        self._length_sent: int | None = None  # what the head says
        self._remaining: int | None = None  # what is still to be sent of that
        self._head_sent = False
        self._silent = False  # the response has no body, whatever the application gives
        self._excess = False  # the application gave more than it promised
        self._doubtful = False  # the request's end is: the connection has to close
        self._can_chunk = False  # the front end asks for chunks
        self._chunked = False  # the body goes out in chunks, and its last one wasn't sent

    def describe(self) -> str:
        """Return a word about the request, for the log."""
        raise NotImplementedError

    def start_response(
        self,
        status: str,
        headers: Sequence[tuple[str, str]],
        /,
        exc_info: ExcInfo | None = None,
    ) -> Write:
        """Take status and headers (PEP 3333). Raises `ResponseError` for what can't be sent."""
        if exc_info is not None:
            try:
                if self._head_sent:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None
        elif self._status is not None:
            raise ResponseError("start_response was called a second time, and without exc_info")
        checked = status_bytes(status)
        lines, length = header_bytes(headers)
        if len(checked) + len(lines) > MAX_HEAD:
            raise ResponseError(
                f"status and headers have {len(checked) + len(lines)} bytes; front ends take "
                f"{MAX_HEAD} at most"
            )
        self._status, self._headers, self._app_length = checked, lines, length
        return self.write

    def write(self, data: bytes) -> None:
        """Send a piece of body: the old way of PEP 3333.

        A model that drives responses goes on with sending when the call of the application is over;
        meanwhile a bounded part of what is written stays unsent.
        """
        data = as_bytes(data)
        if data:
            self.send_piece(data)
            if not self._patient:
                self.wait_for_room(WRITE_BUFFER)

    def send_piece(self, piece: bytes, size: int | None = None, last: bool = False) -> None:
        """Send a piece of body, after the head if that wasn't sent.

        `size` is that of the whole body, if it is known; `last` says that this piece is its end.
        Raises `ClientGoneError`.
        """
        head = b""
        if not self._head_sent:
            head = self._make_head(size)
            self._head_sent = True
        piece = self._fit(piece)
        if self._chunked and piece:
            self._put_chunk(head, piece, last)
        elif len(piece) > JOIN:
            self.put_all(head, piece)
        elif head or piece:
            self.put(head + piece)

    def _put_chunk(self, head: bytes, piece: bytes, last: bool) -> None:
        head += b"%x\r\n" % len(piece)
        end = b"\r\n"
        if last:
            self._chunked = False
            end += LAST_CHUNK
        if len(piece) > JOIN:
            self.put_all(head, piece, end)
        else:
            self.put(head + piece + end)

    def _make_head(self, size: int | None) -> bytes:
        status = self._status
        if status is None:
            raise ResponseError("the application did not call start_response before its body")
        lines = b""
        if status.startswith((b"204", b"304")):
            self._silent = True
            lines = b"Content-Length: 0\r\n"  # the reference front end would chunk an empty body
        else:
            self._silent = self._is_head
            length = self._app_length
            if length is None and (size or not self._is_head):
                length = size
            self._length_sent = self._remaining = length
            if length is not None:
                lines = b"Content-Length: %d\r\n" % length
            elif self._can_chunk and not self._silent:
                self._chunked = True
                lines = b"Transfer-Encoding: chunked\r\n"
        if self._doubtful and not (self._body is not None and self._body.seen):
            lines += b"Connection: close\r\n"
        return b"%b%b\r\n%b%b\r\n" % (self._status_line, status, self._headers, lines)

    def _fit(self, piece: bytes) -> bytes:
        """Cut a piece down to what the head has promised."""
        if self._silent:
            return b""
        if self._remaining is not None:
            if len(piece) > self._remaining:
                piece = piece[: self._remaining]
                self._note_excess()
            self._remaining -= len(piece)
        return piece

    def _note_excess(self) -> None:
        if not self._excess:
            self._excess = True
            logger.warning(
                "%s: the body is longer than its Content-Length of %s; the rest is cut off",
                self.describe(),
                self._length_sent,
            )

    def complete(self) -> None:
        """Note that there is no more body: send the head if it wasn't, see whether all was sent."""
        if not self._head_sent:
            self.send_piece(b"", 0)
        if self._chunked:
            self._chunked = False
            self.put(LAST_CHUNK)
        if self._remaining and not self._silent:
            logger.warning(
                "%s: the body is %d bytes shorter than its Content-Length of %s",
                self.describe(),
                self._remaining,
                self._length_sent,
            )


def as_bytes(piece: object) -> bytes:
    """Return a piece of body as `bytes`; raises `ResponseError` for what isn't bytes-like."""
    if isinstance(piece, bytes):
        return piece
    try:
        return memoryview(piece).tobytes()  # type: ignore[arg-type]
    except TypeError:
        raise ResponseError(
            f"the body must come in pieces of bytes, not {type(piece).__name__}"
        ) from None

"""A response as PEP 3333 has it, without I/O: what the application says goes in, bytes come out.

    SILENT --start--> STARTED --piece--> BODY --finish--> COMPLETE

`refuse` goes from SILENT or STARTED to COMPLETE, `switch` to SWITCHED; `cut` ends each of them.

The head waits for the first piece of body, so that a failure before it can still be answered, and a
body of known size gets its length. One thread at a time may use a response.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from enum import Enum
from typing import Any

from ._body import Body
from ._errors import ResponseError, SwitchedError
from ._head import MAX_HEAD, header_bytes, status_bytes, without_status

logger = logging.getLogger("ashd.wsgi")

Parts = tuple[bytes, ...]


class State(Enum):
    """How far a response is."""

    SILENT = "start_response was not called"
    STARTED = "status and headers are known, and may be replaced"
    BODY = "the head is out, and pieces of body may follow"
    COMPLETE = "everything is out"
    SWITCHED = "the client's bytes belong to another protocol, and the application"
    CUT = "given up: the client must not take it for complete"


# An Enum's own attributes take long on Python 3.11.
SILENT, STARTED, BODY, COMPLETE, SWITCHED, CUT = State

FOLLOWING = {
    SILENT: (STARTED, COMPLETE, SWITCHED, CUT),
    STARTED: (STARTED, BODY, COMPLETE, SWITCHED, CUT),
    BODY: (COMPLETE, CUT),
    COMPLETE: (CUT,),
    SWITCHED: (CUT,),
    CUT: (),
}
"""Which state may follow which: STARTED itself, if the head is replaced (`exc_info`), and CUT even
COMPLETE, if the client goes away before it has got everything."""

BEFORE_HEAD = (SILENT, STARTED)
OVER = (COMPLETE, SWITCHED, CUT)


class End(Enum):
    """How the other side finds the end of the body (RFC 9112, section 6)."""

    NO_BODY = "there is none, whatever the application gives"
    LENGTH = "by Content-Length"
    CHUNKS = "by the last chunk, if the front end asks for chunks"
    CLOSE = "by the end of the response socket"


NO_BODY, LENGTH, CHUNKS, CLOSE = End

JOIN = 1 << 16
"""Bytes up to which pieces are joined with each other and with the head: copying them costs less
than handing them to the kernel one by one."""

ASHD_STATUS_LINE = b"HTTP/1.1 "
SCGI_STATUS_LINE = b"Status: "

MAX_HINTS = 16
"""Early hints to one request; further ones are dropped. Our front end takes 63 at most."""

MAX_HINT = 8 * 1024
"""Bytes of one, so that all of them find room in the response socket of a client that is slow."""

_HINT = b"HTTP/1.1 103 Early Hints\r\n%b\r\n"

_LAST_CHUNK = b"0\r\n\r\n"
_PLAIN_TEXT = b"Content-Type: text/plain; charset=us-ascii\r\n"
_CLOSE = b"Connection: close\r\n"
_BODILESS = (b"204", b"304")


class Response:
    """See the module. The class holds most values of a new response.

    So a request pays only for what is different in its own. (Compiled, a class can't hold None in
    place of what isn't compiled.)

    Attributes:
        state: how far it is.
        status: as `200 OK`, once it is known.
        left: how many bytes of the promised length are still to come; below zero if the
            application gave more than it promised.
        chunks: whether the front end asks for chunks (docs/reference/protocol-agreement.md).
        doubtful: a body that the front end may take for the next request. Unless some of it
            arrives, the response has to close the connection.
        gate: asked before the application's head goes out; what it raises keeps the head back.
    """

    state: State = SILENT
    status: bytes = b""
    left: int = 0
    chunks: bool = False
    _count = 0  # of the body's bytes, if it has no length
    _hints = 0  # how many were given
    _headers = b""
    _own_length: int | None = None  # the application's
    _length = 0  # what the head says
    _end = NO_BODY

    def __init__(self, status_line: bytes, is_head: bool) -> None:
        """Begin the head with `status_line`; have no body if `is_head`."""
        self._status_line = status_line
        self._is_head = is_head
        self.doubtful: Body | None = None
        self.gate: Callable[[], object] | None = None

    def start(self, status: object, headers: object, exc_info: Any = None) -> None:
        """Take what `start_response` was given. Raises `ResponseError` for what can't be sent."""
        if exc_info is not None:
            try:
                if self.state not in BEFORE_HEAD:
                    raise _exception_of(exc_info)
            finally:
                exc_info = None
        elif self.state is SWITCHED:
            return  # servers of others want a response after the stream, which nobody gets
        elif self.state is not SILENT:
            raise ResponseError("start_response was called a second time, and without exc_info")
        checked = status_bytes(status)
        lines, length = header_bytes(headers)
        if self._status_line == SCGI_STATUS_LINE:
            lines = without_status(lines)
        if len(checked) + len(lines) > MAX_HEAD:
            raise ResponseError(
                f"status and headers have {len(checked) + len(lines)} bytes; front ends take "
                f"{MAX_HEAD} at most"
            )
        self.status, self._headers, self._own_length = checked, lines, length
        self.state = STARTED

    def hint(self, headers: object) -> bytes:
        """Return the head of a 103 response; nothing if it is too late, or there were too many.

        Raises `ResponseError` for what can't be sent.
        """
        lines, length = header_bytes(headers)
        if length is not None:
            raise ResponseError("early hints have no Content-Length")
        if len(lines) > MAX_HINT:
            raise ResponseError(f"early hints may have {MAX_HINT} bytes; these have {len(lines)}")
        if self.state not in BEFORE_HEAD or self._hints >= MAX_HINTS:
            return b""
        self._hints += 1
        return _HINT % lines

    def piece(self, data: bytes, size: int | None = None, last: bool = False) -> Parts:
        """Return what to send for a piece of body, with the head if that is due.

        `size` is that of the whole body, if it is known; `last` says that this piece is its end.
        """
        head = b"" if self.state is BODY else self._begin(size)
        end = self._end
        if end is LENGTH:
            left = self.left
            self.left = left - len(data)
            if self.left < 0:
                data = data[: max(left, 0)]
        elif end is NO_BODY:
            data = b""
        else:
            self._count += len(data)
            if end is CHUNKS:
                return self._chunk(head, data, last)
        if last:
            self.state = COMPLETE
        if len(data) > JOIN:
            return head, data
        return (head + data,)

    def _chunk(self, head: bytes, data: bytes, last: bool) -> Parts:
        tail = b""
        if data:
            head += b"%x\r\n" % len(data)
            tail = b"\r\n"
        if last:
            self.state = COMPLETE
            tail += _LAST_CHUNK
        if len(data) > JOIN:
            return head, data, tail
        return (head + data + tail,)

    def finish(self) -> Parts:
        """Return what to send after the last piece of body, which may be nothing."""
        if self.state is BODY and self._end is not CHUNKS:
            self.state = COMPLETE
            return ()
        return self.piece(b"", 0, last=True)

    def _begin(self, size: int | None) -> bytes:
        """Return the head, and decide how the body ends."""
        if self.state is SILENT:
            raise ResponseError("the application did not call start_response before its body")
        if self.state is SWITCHED:
            raise SwitchedError("the client speaks another protocol: no response can be sent")
        if self.state in OVER:
            raise ResponseError("the response is over: nothing more can be sent")
        if self.gate is not None:
            self.gate()
            self.gate = None  # it may have the environ, which may have this response
        line = self._choose_end(size)
        if self.doubtful is not None and not self.doubtful.seen:
            line += _CLOSE
        self.state = BODY
        return b"".join((self._status_line, self.status, b"\r\n", self._headers, line, b"\r\n"))

    def _choose_end(self, size: int | None) -> bytes:
        if self.status.startswith(_BODILESS):
            return b"Content-Length: 0\r\n"  # the reference front end would chunk an empty body
        length = self._own_length
        if length is None and (size or not self._is_head):
            length = size
        line = b"" if length is None else b"Content-Length: %d\r\n" % length
        if self._is_head:
            return line
        if length is not None:
            self._end = LENGTH
            self._length = self.left = length
            return line
        self._end = CHUNKS if self.chunks else CLOSE
        return b"Transfer-Encoding: chunked\r\n" if self.chunks else b""

    def add_line(self, line: bytes) -> None:
        """Add a header line of ours to the application's; for `gate`."""
        self._headers += line

    # Bytes that go out another way, by sendfile(2)

    def takes_bytes(self, count: int) -> int:
        """Return how many of `count` bytes may be sent as they are, after the head."""
        if self._end is CLOSE:
            return count
        if count and not self.left and self._end is LENGTH:
            self.left = -1
        return max(min(count, self.left), 0)

    def took_bytes(self, count: int) -> None:
        """Note that so many bytes were sent."""
        if self._end is LENGTH:
            self.left -= count
        else:
            self._count += count

    # The end

    def refuse(self, status: bytes, *, close: bool = False) -> Parts:
        """Return an error page to send in place of what the application would have said.

        With `close`, the client's connection is not used any further.
        """
        if self.state not in BEFORE_HEAD:
            raise ResponseError("an error page can't replace what was sent")
        page = self.page(status, close=close or self.doubtful is not None)
        self.status, self._headers = status, b""
        self.state = COMPLETE
        self._count = len(status) + 1
        return (page,)

    def page(self, status: bytes, *, close: bool) -> bytes:
        """Return an error page as a whole response."""
        return b"%b%b\r\n%bContent-Length: %d\r\n%b\r\n%b\n" % (
            self._status_line,
            status,
            _PLAIN_TEXT,
            len(status) + 1,
            _CLOSE if close else b"",
            status,
        )

    def switch(self, status: bytes) -> None:
        """Note that the application sends its own head, with `status`, and takes the client over.

        Raises `ResponseError` when a response has begun. A response that it starts from now on is
        dropped.
        """
        if self.state not in BEFORE_HEAD:
            raise ResponseError("protocols can't be switched after the response has begun")
        if self.gate is not None:
            self.gate()
        self.status, self._headers = status, b""
        self.state = SWITCHED

    def cut(self) -> None:
        """Give up: nothing more is sent."""
        self.state = CUT

    def bytes_sent(self) -> int:
        """Return how many bytes of the body were given to the client."""
        if self._end is not LENGTH:
            return self._count
        left = self.left
        return self._length if left <= 0 else self._length - left

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """The application's headers, without Content-Length, if they were sent."""
        lines = self._headers.split(b"\r\n")[:-1]
        return [
            (name, value.strip()) for name, _, value in (line.partition(b":") for line in lines)
        ]

    def header(self, name: bytes) -> bytes:
        """Return the value of the application's header of that name in lower case, or nothing."""
        for line in self._headers.split(b"\r\n"):
            key, _, value = line.partition(b":")
            if key.lower() == name:
                return value.strip()
        return b""

    @property
    def wants_more(self) -> bool:
        """Whether it makes a difference what else the application gives."""
        return self._end is not NO_BODY and self.left >= 0

    @property
    def raw(self) -> bool:
        """Whether bytes of the body go out as they are, in no chunks."""
        return self._end is not CHUNKS

    def mismatch(self) -> str:
        """Say how the body differs from its promised length: `left` tells whether it does."""
        if self.left > 0:
            return (
                f"the body is {self.left} bytes shorter than its Content-Length of {self._length}"
            )
        return f"the body is longer than its Content-Length of {self._length}; the rest is cut off"


def _exception_of(exc_info: Any) -> BaseException:
    """Return the exception that `start_response` has to raise again."""
    if isinstance(exc_info, tuple) and len(exc_info) == 3:
        _, error, traceback = exc_info
        if isinstance(error, BaseException):
            return error.with_traceback(traceback)
    return ResponseError(
        "start_response was called after the head was sent, and its exc_info is not an exception's"
    )


def as_bytes(piece: object) -> bytes:
    """Return a piece of body as `bytes`; raises `ResponseError` for what isn't bytes-like."""
    if type(piece) is bytes:
        return piece  # those of other classes may say what they like of their length
    try:
        return memoryview(piece).tobytes()  # type: ignore[arg-type]
    except TypeError:
        raise ResponseError(
            f"the body must come in pieces of bytes, not {type(piece).__name__}"
        ) from None

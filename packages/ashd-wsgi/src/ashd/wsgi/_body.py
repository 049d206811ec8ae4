"""The request's body: `wsgi.input`, and what becomes of it while a response is being written.

The thread that runs the request uses all of it. The channel owns the descriptor, and calls `detach`
when it closes it.
"""

from __future__ import annotations

import io
import os
import select
from collections.abc import Callable
from typing import IO, Any, Protocol

from ._errors import CutBodyError

_BUFFER = 65536  # bytes that are read ahead of the application: what a socket has ready
_IN_MEMORY = 1 << 20  # bytes set aside in memory before they go to a temporary file
BODY_BUFFER = 64 << 20
"""Bytes of a body that are set aside while the response is being written, in case the application
reads them later. Beyond that the client waits: all of this takes room on our disk."""

_TURN = 16  # buffers that are dropped before other requests get their turn
_RDHUP = getattr(select, "POLLRDHUP", 0)


class Body(io.RawIOBase):
    """The body as it comes from the response socket, unbuffered.

    There are two kinds of end-of-file: after a whole body a front end shuts down its writing side
    alone, but it closes the socket if the client went away in the middle.
    """

    def __init__(
        self,
        fd: int,
        *,
        declared: bool = False,
        length: int | None = None,
        withheld: bool = False,
        room: int = BODY_BUFFER,
        exact: bool = False,
    ) -> None:
        """Read from `fd`.

        `declared` says that the request has a body, `length` how long it is according to the
        client. With `withheld`, a front end may pass nothing of the body on, and that is not an
        error. About `room` bytes are set aside while the application may still ask for them. An
        `exact` body ends after its length, and no end-of-file follows.
        """
        self.declared = declared
        self._fd = fd
        self._room = room
        self._forgotten = False
        self._length = length
        self._withheld = withheld
        self.received: int = 0
        self._exact = exact
        self._ended = exact and not length
        self._read_to_end = False
        self._error: CutBodyError | None = None
        self._poll: select.poll | None = None  # since the first time that nothing was there
        self._aside: IO[bytes] | None = None
        self._aside_size = 0
        self._aside_read = 0

    @property
    def comes(self) -> bool:
        """Whether there is more to be taken in while the response waits for the client."""
        full = self._aside_size >= self._room and not self._forgotten
        return self.declared and not self._ended and not full

    @property
    def ended(self) -> bool:
        """Whether the socket has nothing more to give."""
        return self._ended

    @property
    def seen(self) -> bool:
        """Whether anything of the body has come."""
        return self.received > 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read what is there, waiting for at least one byte; raises `CutBodyError`."""
        if self._aside is not None:
            count = self._read_aside(buffer)
            if count:
                return count
        if self._error is not None:
            raise self._error
        if self._ended:
            self._read_to_end = True
            return 0
        if self._exact:
            buffer = memoryview(buffer)[: self._missing()]
        while True:
            if self._poll is not None:  # it comes slowly: a vain attempt would cost more
                self._wait()
            try:
                count = os.readv(self._fd, [buffer])
                break
            except BlockingIOError:
                self._prepare_to_wait()
            except ConnectionResetError:
                count = 0
                break
        self._took(count)
        if not count:
            self._error = self._cut()
            if self._error is not None:
                raise self._error
            self._read_to_end = True
        return count

    def _missing(self) -> int:
        """Return how many bytes to ask the socket for."""
        if self._exact and self._length is not None:
            return min(_BUFFER, self._length - self.received)
        return _BUFFER

    def _took(self, count: int) -> None:
        """Count bytes that came; none is the end."""
        self.received += count
        self._ended = not count or (self._exact and self.received == self._length)

    def _cut(self) -> CutBodyError | None:
        if self._length is not None and self.received >= self._length:
            return None
        poll = select.poll()
        poll.register(self._fd, _RDHUP)
        events = poll.poll(0)
        closed = bool(events) and bool(events[0][1] & (select.POLLHUP | select.POLLERR))
        if not closed and (self._length is None or (self._withheld and not self.received)):
            return None
        wanted = "" if self._length is None else f" of {self._length}"
        return CutBodyError(
            f"the request's body was cut after {self.received}{wanted} bytes: the client went away"
        )

    def _prepare_to_wait(self) -> select.poll:
        self._poll = poll = select.poll()
        poll.register(self._fd, select.POLLIN)
        return poll

    def _wait(self) -> None:
        poll = self._poll or self._prepare_to_wait()
        poll.poll()

    def gather(self) -> int:
        """Set all of the body aside, and wait for it; return its length. Raises `CutBodyError`."""
        while not self._ended:
            self._wait()
            self._set_aside()
        if self._error is not None:
            raise self._error
        return self.received

    # While the response is being written

    def forget(self) -> None:
        """Keep nothing more: the application won't ask for it."""
        self._forgotten = True

    def take_in(self) -> None:
        """Take what the socket has, without waiting; keep it if the application may ask for it.

        A front end may write the whole body before it reads any of the response.
        """
        if self._forgotten:
            self.discard()
        else:
            self._set_aside()

    def _set_aside(self) -> None:
        if self._aside is None:
            import tempfile

            self._aside = tempfile.SpooledTemporaryFile(_IN_MEMORY)  # noqa: SIM115
        try:
            piece = os.read(self._fd, self._missing())
        except BlockingIOError:
            return
        except ConnectionResetError:
            piece = b""
        self._took(len(piece))
        if piece:
            self._aside.seek(self._aside_size)
            self._aside_size += self._aside.write(piece)
        else:
            self._error = self._cut()

    def _read_aside(self, buffer: Any) -> int:
        assert self._aside is not None
        self._aside.seek(self._aside_read)
        piece = self._aside.read(len(buffer))
        buffer[: len(piece)] = piece
        self._aside_read += len(piece)
        if self._aside_read == self._aside_size:
            self._aside.seek(0)
            self._aside.truncate()
            self._aside_read = self._aside_size = 0
        return len(piece)

    def discard(self) -> bool:
        """Drop what the socket has, without waiting; tell whether the body has ended."""
        try:
            for _ in range(_TURN):
                if self._ended:
                    break
                piece = os.read(self._fd, self._missing())
                self._took(len(piece))
                if piece:
                    self._error = CutBodyError("the rest of the request's body was dropped")
        except BlockingIOError:
            pass
        except OSError:
            self._ended = True
        return self._ended

    def detach(self) -> None:
        """Forget the descriptor, which is about to be closed: no more can be read."""
        self._fd = -1
        self._ended = True
        if not self._read_to_end:
            self._error = CutBodyError("the request's body can't be read after its response")
        if self._aside is not None:
            self._aside.close()
            self._aside = None


class HasBody(Protocol):
    """Knows the request's body."""

    def open_body(self) -> Body:
        """Return it, always the same object."""
        ...


class Copied(io.RawIOBase):
    """Gives a copy of all that is read of a body to a function."""

    def __init__(self, body: Body, copy: Callable[[memoryview], object]) -> None:
        """Read from `body`, which is borrowed."""
        self._body = body
        self._copy = copy

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read as `Body` does."""
        count = self._body.readinto(buffer)
        self._copy(memoryview(buffer)[:count])
        return count


class Input:
    """`wsgi.input`: a buffered binary stream that is built when the application first uses it.

    Most requests have no body, and many applications never look.

    Attributes:
        copy: set before that, it gets all that is read.
    """

    copy: Callable[[memoryview], object] | None = None

    def __init__(self, opener: HasBody) -> None:
        """Read what `opener.open_body()` returns."""
        self._opener = opener
        self._stream: io.BufferedReader | None = None

    def _build(self) -> io.BufferedReader:
        if self._stream is None:
            body = self._opener.open_body()
            raw = body if self.copy is None else Copied(body, self.copy)
            self._stream = io.BufferedReader(raw, _BUFFER)
        return self._stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._build(), name)

    def read(self, size: int | None = -1) -> bytes:
        """Read `size` bytes, or all; fewer only at the end of the body."""
        return self._build().read(size)

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line."""
        return self._build().readline(size)

    def readlines(self, hint: int = -1) -> list[bytes]:
        """Read all lines, or about `hint` bytes of them."""
        return self._build().readlines(hint)

    def __iter__(self) -> io.BufferedReader:
        return self._build()

    def __next__(self) -> bytes:
        return next(self._build())

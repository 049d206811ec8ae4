"""A connection's bytes, with limits of size and time. Used by servers and clients.

One thread reads; any thread may send (a lock keeps messages whole). The stream owns its socket:
`close` closes it, in the thread that reads; `abort` makes that thread find the end, from any other.
"""

from __future__ import annotations

import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from socket import socket as Socket  # noqa: N812
from typing import TypeVar

from ._errors import ConnectionLost, ProtocolError

_CHUNK = 1 << 16
_RDHUP = getattr(select, "POLLRDHUP", 0)
_NOSIGNAL = getattr(socket, "MSG_NOSIGNAL", 0)
_T = TypeVar("_T")
GONE = select.POLLHUP | select.POLLERR | select.POLLNVAL


def wait_for(descriptor: int, events: int, seconds: float | None) -> int:
    """Wait for one of `events`, an error or a hang-up; return those that hold, 0 if none does."""
    poller = select.poll()
    poller.register(descriptor, events)
    found = poller.poll(None if seconds is None else max(0, int(seconds * 1000 + 0.999)))
    return found[0][1] if found else 0


class Stream:
    """Reads and sends. All methods raise `ConnectionLost` when a time limit is over."""

    def __init__(self, sock: Socket, *, send_timeout: float | None, data: bytes = b"") -> None:
        sock.setblocking(False)
        self.socket = sock
        """The socket: to be waited for, or passed to another process."""
        self._buffer = bytearray(data)
        self._send_timeout = send_timeout
        self._send_lock = threading.Lock()  # keeps messages of several threads whole

    @property
    def is_unix(self) -> bool:
        """Whether a full close can be told from an end-of-file."""
        return self.socket.family == socket.AF_UNIX

    @property
    def pending(self) -> bytes:
        """What was received and not read yet."""
        return bytes(self._buffer)

    def read_line(self, most: int, seconds: float | None) -> bytes | None:
        """Return a line without its end; None at end-of-file. The limit is for the whole line."""
        until = None if seconds is None else time.monotonic() + seconds
        return self._read_to(b"\n", most, lambda: until and max(0.0, until - time.monotonic()))

    def read_command(self, most: int, seconds: float | None) -> bytes | None:
        """Return what stands before an empty line; None at end-of-file.

        `seconds` is the limit between one byte and the next; there is none before the first.
        """
        return self._read_to(b"\n\n", most, lambda: seconds if self._buffer else None)

    def _read_to(self, end: bytes, most: int, patience: Callable[[], float | None]) -> bytes | None:
        looked = 0
        while (at := self._buffer.find(end, looked)) < 0 and len(self._buffer) <= most:
            looked = max(0, len(self._buffer) - len(end) + 1)
            if not self._fill(patience()):
                return None
        if not 0 <= at <= most:
            raise ProtocolError(f"more than {most} bytes without an end")
        return self._take(at, at + len(end))

    def read_exactly(
        self, size: int, seconds: float | None, *, first: bool = False
    ) -> bytes | None:
        """Return `size` bytes; None at end-of-file, `ProtocolError` when that comes in the middle.

        `seconds` is the limit between one byte and the next; with `first` there is none before the
        first byte.
        """
        while len(self._buffer) < size:
            waits = first and not self._buffer
            if not self._fill(None if waits else seconds):
                if waits:
                    return None
                raise ProtocolError("the connection ended in the middle of a message")
        return self._take(size, size)

    def _take(self, size: int, used: int) -> bytes:
        piece = bytes(memoryview(self._buffer)[:size])
        del self._buffer[:used]
        return piece

    def _fill(self, seconds: float | None) -> bool:
        """Read some; False at end-of-file."""
        piece = self._when_ready(select.POLLIN, seconds, partial(self.socket.recv, _CHUNK))
        self._buffer += piece
        return bool(piece)

    def send(self, data: bytes) -> None:
        """Send all of it; `ConnectionLost` if the other side is gone or takes nothing any more."""
        rest = memoryview(data)
        with self._send_lock:
            while rest:
                send = partial(self.socket.send, rest, _NOSIGNAL)
                rest = rest[self._when_ready(select.POLLOUT, self._send_timeout, send) :]

    def _when_ready(self, events: int, seconds: float | None, call: Callable[[], _T]) -> _T:
        while True:
            try:
                return call()
            except BlockingIOError:
                if not wait_for(self.socket.fileno(), events, seconds):
                    raise ConnectionLost("the other side took too long") from None
            except OSError as exc:
                raise ConnectionLost(f"the connection broke: {exc.strerror}") from exc

    def has_input(self, seconds: float | None) -> bool:
        """Wait until there is something to read, or an end-of-file; False when the time is over."""
        return bool(self._buffer) or bool(wait_for(self.socket.fileno(), select.POLLIN, seconds))

    def wait_closed(self, seconds: float | None, *, half: bool) -> bool:
        """Wait, in any thread, until the other side has closed (with `half`, or only ended its
        output). False when the time is over.
        """
        ends = _RDHUP if half else 0
        return bool(wait_for(self.socket.fileno(), ends, seconds) & (GONE | ends))

    def abort(self) -> None:
        """End the connection under the thread that reads. May be called from any thread."""
        with suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()

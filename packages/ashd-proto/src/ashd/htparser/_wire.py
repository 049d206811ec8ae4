"""A client's transport: what of it asyncio doesn't offer, or offers in another way.

Reading can be paused, and a client that leaves meanwhile is noticed all the same; whether a client
reads can be seen. Called in the event loop's thread; asyncio owns the socket.
"""

from __future__ import annotations

import asyncio
import fcntl
import select
import socket
import struct
import termios
from collections.abc import Callable
from functools import partial

from ._limits import UNREAD_TIME
from ._poller import Poller

_LEFT = select.EPOLLRDHUP | select.EPOLLONESHOT
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
# Of struct tcp_info (linux/tcp.h): segments on their way, and milliseconds since the last ACK.
_TCP_INFO = struct.Struct("24xI28xI")
_INT = struct.Struct("i")


def _nothing() -> None:
    pass


def has_unread(fd: int) -> bool:
    """Tell whether bytes of a client wait to be read, and it has not left since."""
    poll = select.poll()
    poll.register(fd, select.POLLIN | select.POLLRDHUP)
    return any(not events & _GONE for _, events in poll.poll(0))


class Wire:
    """See the module."""

    __slots__ = (
        "_fd",
        "_on_left",
        "_poller",
        "_untaken",
        "_unwritten",
        "deferred",
        "paused",
        "transport",
    )

    def __init__(
        self, transport: asyncio.Transport, poller: Poller, on_left: Callable[[], object]
    ) -> None:
        """Look after `transport`; `on_left` is called when the client leaves while paused."""
        self.transport = transport
        self._poller = poller
        self._on_left = on_left
        self._fd: int = transport.get_extra_info("socket").fileno()
        self._unwritten = 0
        self._untaken = 0
        self.paused = False
        """Whether the client is not being read."""
        self.deferred = False
        """Whether a callback of `later` is due."""

    def pause(self) -> None:
        """Stop reading."""
        if not self.paused and not self.transport.is_closing():
            self.paused = True
            self.transport.pause_reading()
            self._poller.add(self._fd, _LEFT, self._left)

    def resume(self) -> None:
        """Read again."""
        if self.paused:
            self.paused = False
            self._poller.remove(self._fd)
            if not self.transport.is_closing():
                self.transport.resume_reading()

    def release(self) -> None:
        """Read again, and leave it to somebody else to look after the client."""
        self.resume()
        self._on_left = _nothing

    def later(self, callback: Callable[[], None]) -> None:
        """Call back when everybody else had a turn: once, however often that is asked for."""
        if not self.deferred:
            self.deferred = True
            self._poller.later(partial(self._call_back, callback))

    def _call_back(self, callback: Callable[[], None]) -> None:
        self.deferred = False
        callback()

    def has_sent(self) -> bool:
        """Tell whether bytes of the client wait to be read, and it has not left since.

        Part of a TLS record is like them: its bytes count when it is whole.
        """
        if self.transport.get_extra_info("stirs"):
            return True
        return has_unread(self._fd)

    def mark(self) -> None:
        """Remember how much the client has still to read, for `has_read` and `is_taken`."""
        self._unwritten = self.transport.get_write_buffer_size()
        self._untaken = self._unwritten + self._unacknowledged()

    def has_read(self) -> bool:
        """Tell whether the client has read anything since the last `mark`, and mark again."""
        before = self._unwritten
        self.mark()
        return self._unwritten < before

    def is_taken(self) -> bool:
        """Tell whether the client has taken anything since the last `mark`, and mark again.

        If it has not, the network may still be at fault, for a while: bytes that the client has
        room for are on their way.
        """
        before = self._untaken
        self.mark()
        return self._untaken < before or self._is_slow_network()

    def _unacknowledged(self) -> int:
        """Return how many bytes the kernel holds for the client: `SIOCOUTQ` in tcp(7)."""
        try:
            found = fcntl.ioctl(self._fd, termios.TIOCOUTQ, bytes(_INT.size))
        except OSError:  # the event loop has closed it, and is about to say so
            return 0
        size: int = _INT.unpack(found)[0]
        return size

    def _is_slow_network(self) -> bool:
        sock = self.transport.get_extra_info("socket")
        try:
            info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO.size)
        except OSError:  # a Unix socket
            return False
        on_their_way, since_ack = _TCP_INFO.unpack(info)
        return bool(on_their_way) and since_ack < UNREAD_TIME * 1e3

    def abort(self) -> None:
        """Close without sending what is unsent."""
        if self.paused:
            self.paused = False
            self._poller.remove(self._fd)
        self.transport.abort()

    def reset_on_close(self) -> None:
        """Make the client see that the end is not a good one."""
        sock = self.transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    def lost(self) -> None:
        """Take note that asyncio has closed the socket."""
        if self.paused:
            self.paused = False
            self._poller.forget(self._fd)
        self._on_left = _nothing  # or the connection would live until the next garbage collection

    def _left(self, _: int) -> None:
        self._on_left()

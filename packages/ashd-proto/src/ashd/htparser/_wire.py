"""A client's transport: what of it asyncio doesn't offer, or offers in another way.

Reading can be paused, and a client that leaves meanwhile is noticed all the same; whether a client
reads can be seen. Called in the event loop's thread; asyncio owns the socket.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
from collections.abc import Callable
from functools import partial

from ._poller import Poller

_LEFT = select.EPOLLRDHUP | select.EPOLLONESHOT
_GONE = select.POLLRDHUP | select.POLLHUP | select.POLLERR
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def _nothing() -> None:
    pass


class Wire:
    """See the module."""

    __slots__ = ("_fd", "_on_left", "_poller", "_unwritten", "deferred", "paused", "transport")

    def __init__(
        self, transport: asyncio.Transport, poller: Poller, on_left: Callable[[], object]
    ) -> None:
        """Look after `transport`; `on_left` is called when the client leaves while paused."""
        self.transport = transport
        self._poller = poller
        self._on_left = on_left
        self._fd: int = transport.get_extra_info("socket").fileno()
        self._unwritten = 0
        self.paused = False
        """Whether the client is not being read."""
        self.deferred = False
        """Whether a callback of `defer` is due."""

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

    def defer(self, callback: Callable[[], None]) -> None:
        """Stop reading, and call back when everybody else had a turn."""
        self.pause()
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
        poll = select.poll()
        poll.register(self._fd, select.POLLIN | select.POLLRDHUP)
        return any(not events & _GONE for _, events in poll.poll(0))

    def mark(self) -> None:
        """Remember how much the client has still to read, for `has_read`."""
        self._unwritten = self.transport.get_write_buffer_size()

    def has_read(self) -> bool:
        """Tell whether the client has read anything since the last `mark`, and mark again."""
        before = self._unwritten
        self.mark()
        return self._unwritten < before

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
            self._poller.forget(self._fd)
        self._on_left = _nothing  # or the connection would live until the next garbage collection

    def _left(self, _: int) -> None:
        self._on_left()

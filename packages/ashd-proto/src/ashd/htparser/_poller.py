"""Watches descriptors that are no asyncio transports, with an epoll object inside the event loop.

Response sockets come and go with each request. `loop.add_reader` costs several system calls and
objects for each of them, this costs one call: a descriptor that is closed leaves by itself. The
epoll object's own descriptor is all that the event loop sees. It also allows what event loops
don't offer: to learn that a client left while its data is not being read.

Called in the event loop's thread. The poller owns its epoll object and none of the others.
"""

from __future__ import annotations

import asyncio
import logging
import select
import socket
from collections import deque
from collections.abc import Callable

from ._errors import StartError
from ._limits import MAX_DRAINED, MAX_DRAINS, PIECE, PIECES_AT_ONCE

Callback = Callable[[int], object]

_BATCH = 32  # events taken before it's the turn of the event loop's own
_INTERNAL_ERROR = "An internal error; the request it belongs to is lost."
_log = logging.getLogger("ashd.htparser")


class Poller:
    """A set of descriptors with a callback each, which is given the epoll events."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Work in `loop`; raises `StartError` where there is no epoll(7)."""
        if not hasattr(select, "epoll"):
            raise StartError("The front end needs epoll, which only Linux has.")
        self._loop = loop
        self._callbacks: dict[int, Callback] = {}
        self._drains: dict[_Drain, None] = {}
        self._line: deque[Callable[[], None]] = deque()
        self._line_served = False
        self._steps: deque[Callable[[], None]] = deque()
        self._newest_step = False
        self._epoll = select.epoll()
        loop.add_reader(self._epoll.fileno(), self._dispatch)

    def add(self, fd: int, events: int, callback: Callback) -> None:
        """Watch a descriptor. Its owner calls `forget` when it closes it."""
        self._epoll.register(fd, events)
        self._callbacks[fd] = callback

    def modify(self, fd: int, events: int) -> None:
        """Watch for other events."""
        self._epoll.modify(fd, events)

    def remove(self, fd: int) -> None:
        """Stop watching a descriptor that stays open."""
        if self._callbacks.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def forget(self, fd: int) -> None:
        """Stop watching a descriptor that is closed in the same breath."""
        self._callbacks.pop(fd, None)

    def drain(self, sock: socket.SocketType) -> None:
        """Take a response socket over whose response nobody needs any more: to a HEAD request.

        What the handler still writes is thrown away, within a bound, so that it isn't told that
        its client has left.
        """
        drain = _Drain(self, sock)
        if drain.run(0):
            return
        self.add(sock.fileno(), select.EPOLLIN, drain.run)
        self._drains[drain] = None
        if len(self._drains) > MAX_DRAINS:
            next(iter(self._drains)).close()

    def close_drains(self) -> None:
        """Wait for no handler any longer that writes what nobody needs."""
        for drain in list(self._drains):
            drain.close()

    def drained(self, drain: _Drain) -> None:
        """Forget a response socket that has been closed."""
        self._drains.pop(drain, None)

    def later(self, callback: Callable[[], None]) -> None:
        """Call back when all that is new had a turn, and those that asked before."""
        self._line.append(callback)
        if not self._line_served:
            self._line_served = True
            self._loop.call_soon(self._serve_line)

    def _serve_line(self) -> None:
        for _ in range(min(PIECES_AT_ONCE, len(self._line))):
            try:
                self._line.popleft()()
            except Exception:
                _log.exception(_INTERNAL_ERROR)
        self._line_served = bool(self._line)
        if self._line:
            self._loop.call_soon(self._serve_line)

    def in_turns(self, step: Callable[[], None]) -> None:
        """Call back as `later` does, but the newest and the oldest of these steps in turns.

        A step of a handshake takes long: the last of a thousand clients would wait for a second.
        """
        self._steps.append(step)
        self.later(self._take_step)

    def _take_step(self) -> None:
        self._newest_step = newest = not self._newest_step
        step = self._steps.pop() if newest else self._steps.popleft()
        step()

    def call_later(self, delay: float, callback: Callable[[], None]) -> None:
        """Call back after `delay` seconds."""
        self._loop.call_later(delay, callback)

    def close(self) -> None:
        """Stop watching anything."""
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()

    def _dispatch(self) -> None:
        # A descriptor may be closed, and its number used again, by a callback of the same batch:
        # so events are hints, and each callback asks the descriptor itself without blocking.
        for fd, events in self._epoll.poll(0, _BATCH):
            callback = self._callbacks.get(fd)
            if callback is None:
                continue
            try:
                callback(events)
            except Exception:
                _log.exception(_INTERNAL_ERROR)


class _Drain:
    """Owns a response socket until its end, or until too much came out of it."""

    __slots__ = ("_left", "_poller", "_sock")

    def __init__(self, poller: Poller, sock: socket.SocketType) -> None:
        self._poller = poller
        self._sock = sock
        self._left = MAX_DRAINED

    def run(self, _: int) -> bool:
        """Read what is there; True when the socket has been closed."""
        try:
            size = len(self._sock.recv(PIECE, socket.MSG_DONTWAIT))
        except BlockingIOError:
            return False
        except OSError:
            size = 0
        self._left -= size
        if size and self._left > 0:
            return False
        self.close()
        return True

    def close(self) -> None:
        """Tell the handler that nobody listens, should it still be writing."""
        self._poller.forget(self._sock.fileno())
        self._poller.drained(self)
        self._sock.close()

"""What threads wait by for requests: epoll objects, as many as there are threads that wait.

Of several that wait, the kernel wakes one for a request, always the same one as long as it waits: a
thread whose memory is in the processor's cache. Any thread may use this.
"""

from __future__ import annotations

import select
import socket
from collections import deque

from ashd.serve import WakeUp, Worker

_EXCLUSIVE = getattr(select, "EPOLLIN", 0) | getattr(select, "EPOLLEXCLUSIVE", 0)
FDS = 3
"""Descriptors that one waits for, at most."""

Ready = list[tuple[int, int]]
"""Descriptors and their events."""


class Waits:
    """Owns the epoll objects; borrows the socket, and what wakes threads otherwise.

    Single operations on a deque or a set are atomic.
    """

    def __init__(self, sock: socket.socket, wakeup: WakeUp, worker: Worker | None) -> None:
        """Wait for `sock` and `wakeup`, and for the end of the parent of `worker`."""
        self._socket = sock
        self._others: tuple[WakeUp | Worker, ...] = (
            (wakeup,) if worker is None else (wakeup, worker)
        )
        self._unused: deque[select.epoll] = deque()
        self._all: set[select.epoll] = set()
        first = self._open()  # it stays: descriptors that come and go tell of a leak
        if first is not None:
            self._unused.append(first)

    def take(self) -> select.epoll | None:
        """Return an epoll object, until `give`; None if the system has none."""
        try:
            return self._unused.pop()
        except IndexError:
            return self._open()

    def _open(self) -> select.epoll | None:
        try:
            epoll = select.epoll()
        except (AttributeError, OSError):
            return None
        self._all.add(epoll)
        self.add_socket(epoll)
        for other in self._others:
            epoll.register(other, select.EPOLLIN)
        return epoll

    def add_socket(self, epoll: select.epoll) -> None:
        """Wait for requests, after all others that do."""
        epoll.register(self._socket, _EXCLUSIVE)

    def give(self, epoll: select.epoll) -> None:
        """Return what `take` has given."""
        self._unused.append(epoll)

    def wait_without(self, seconds: float | None) -> Ready:
        """Wait without an epoll object: every thread that waits so wakes for a request."""
        poll = select.poll()
        for each in (self._socket, *self._others):
            poll.register(each, select.POLLIN)
        return poll.poll(None if seconds is None else seconds * 1000)

    def expect_fewer(self) -> None:
        """Close an epoll object if one is unused: a thread receives no more."""
        try:
            epoll = self._unused.pop()
        except IndexError:
            return
        self._all.discard(epoll)
        epoll.close()

    def close(self) -> None:
        """Close them all; nobody waits any more. May be called again."""
        self._unused.clear()
        while self._all:
            self._all.pop().close()

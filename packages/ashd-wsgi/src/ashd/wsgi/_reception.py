"""How one thread receives from the handler's socket: its own buffer, and its own exchanges.

One thread at a time uses a reception. It borrows all that it waits for and by. Several receptions
of a process share nothing that is written for each request, unless they have to wait for one.
"""

from __future__ import annotations

import logging
import select
import socket
import time
from collections.abc import Callable
from threading import get_ident

from ashd.proto import ProtocolError, Receiver, Request, holds_datagram
from ashd.serve import WakeUp, Worker, running

from ._exchange import Exchange
from ._waits import FDS, Ready, Waits

logger = logging.getLogger("ashd.wsgi")

Admit = Callable[[Request], Exchange | None]
"""Makes an exchange of a request, or deals with it."""

_LOST_WAKE = 1.0
"""Seconds after which an idle worker looks at the socket by itself. The kernel wakes one of several
workers for a request; if that one is just about to leave, the others don't hear of it."""

_BUSY_LOOK = 0.01
"""Seconds between looks of a worker that has requests running: at whether others are idle, which
then take the new ones, and whether it is idle itself."""

_FIRST_LOOK = 0.002
"""Seconds until it looks for the first time."""


_PATIENCE = 10
"""Looks in a row at which a request waits for the idle workers. They may have been stopped."""

_DONTWAIT = int(socket.MSG_DONTWAIT)  # operations on enums take long


class Reception:
    """Receives requests from an ashd handler socket, and makes exchanges of them.

    Attributes:
        stopped: whether nothing more is to be received; set by `stop` of the source.
    """

    def __init__(
        self,
        sock: socket.socket,
        admit: Admit,
        waits: Waits,
        wakeup: WakeUp,
        worker: Worker | None,
        *,
        keeps: bool,
        timestamps: bool,
        on_end: Callable[[], object],
        on_parents_end: Callable[[], object],
        on_release: Callable[[Reception], object],
    ) -> None:
        """Receive from `sock`, until `wakeup` is set and `stopped` is true.

        If it `keeps` what it waits by, it waits a little faster, but holds a descriptor while it
        doesn't wait. With `worker`, the socket is shared with other processes. `on_end` is called
        at end-of-file, `on_parents_end` when the parent process is gone, `on_release` by `release`.
        """
        self._receive = Receiver(sock, timestamps=timestamps).receive
        self._socket = sock
        self._admit = admit
        self._waits = waits
        self._wakeup = wakeup
        self._worker = worker
        self._place = worker.place if worker is not None else None
        self._on_end = on_end
        self._on_parents_end = on_parents_end
        self._on_release = on_release
        self._keeps = keeps
        self._epoll: select.epoll | None = None  # what it keeps
        self.stopped = False

    def _wait(self, seconds: float | None) -> None:
        for fd, _ in self._wait_for_any(seconds):
            if fd == self._wakeup.fileno():
                if not self.stopped:
                    self._wakeup.take()
            elif self._worker is not None and fd == self._worker.fileno():
                self._on_parents_end()

    def _wait_for_any(self, seconds: float | None) -> Ready:
        if self._worker is not None:
            seconds = _LOST_WAKE if seconds is None else min(seconds, _LOST_WAKE)
        epoll = self._epoll or self._waits.take()
        if epoll is None:
            return self._waits.wait_without(seconds)
        try:
            if self._worker is None or seconds is None:
                return epoll.poll(seconds, FDS)
            return self._wait_among_workers(epoll, seconds)
        finally:
            if self._keeps:
                self._epoll = epoll
            else:
                self._waits.give(epoll)

    def _wait_among_workers(self, epoll: select.epoll, longest: float) -> Ready:
        """Wait as the last of those who wait, so that requests go round; or not for requests."""
        epoll.unregister(self._socket)
        if self._should_leave_requests():
            ready = self._leave_requests(epoll)
            self._waits.add_socket(epoll)
            return ready
        self._waits.add_socket(epoll)
        if self._place is None:
            return epoll.poll(longest)
        me = get_ident()
        self._place.waiting.add(me)
        self._place.note(running)
        ready = epoll.poll(min(_BUSY_LOOK, longest) if running else longest)
        self._place.waiting.discard(me)
        self._place.note(running)
        return ready

    def _leave_requests(self, epoll: select.epoll) -> Ready:
        """Wait while others should take the requests, and do."""
        pause = _FIRST_LOOK  # most requests are short
        looks = 0
        while looks < _PATIENCE and self._should_leave_requests():
            ready = epoll.poll(pause)
            if not ready and running and not self._should_leave_requests():
                ready = epoll.poll(_FIRST_LOOK)  # the others may be between two requests
            if ready:
                return ready
            pause = min(2 * pause, _BUSY_LOOK)
            looks = looks + 1 if holds_datagram(self._socket) else 0
        return []

    def _should_leave_requests(self) -> bool:
        """Tell whether other workers should take what comes: they have nothing to do, we have."""
        return self._place is not None and bool(running) and self._place.others_are_idle()

    def receive(self, timeout: float | None = None) -> Exchange | None:
        """Wait for a request; None when the source is stopped, or at end-of-file.

        Raises TimeoutError after `timeout` seconds without a request.
        """
        deadline: float | None = None
        if self._place is not None and self._should_leave_requests():
            self._wait(timeout)
        while not self.stopped:
            try:
                request = self._receive(_DONTWAIT)
            except BlockingIOError:
                if timeout is None:
                    self._wait(None)
                else:
                    deadline = deadline or time.monotonic() + timeout
                    self._wait_until(deadline)
            except ProtocolError as error:
                logger.warning("refused a request: %s", error)
            else:
                if request is None:
                    self._on_end()
                elif (exchange := self._admit(request)) is not None:
                    return exchange
        self._wakeup.set()  # others may wait, and this thread may have taken what was to wake them
        return None

    def _wait_until(self, deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._wait(left)

    def release(self) -> None:
        """Give it back to the source."""
        if self._epoll is not None:
            self._waits.give(self._epoll)
            self._epoll = None
        self._waits.expect_fewer()
        self._on_release(self)

"""Requests from standard input, as tasks for a model.

The model's leader is the only thread in `receive`. `stop` may be called anywhere, even in signal
handlers. The source borrows the socket and owns the pipe that wakes it.
"""

from __future__ import annotations

import logging
import select
import socket
from collections.abc import Callable

from ashd.proto import ProtocolError, Receiver, Request, holds_datagram
from ashd.serve import WakeUp, Worker, running

from ._exchange import Exchange

logger = logging.getLogger("ashd.wsgi")


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

_DONTWAIT = int(socket.MSG_DONTWAIT)  # plain: the operators of the module's flags take long

_EXCLUSIVE = getattr(select, "EPOLLIN", 0) | getattr(select, "EPOLLEXCLUSIVE", 0)


class RequestSource:
    """Receives requests from an ashd handler socket."""

    def __init__(
        self,
        sock: socket.socket,
        admit: Callable[[Request], Exchange | None],
        *,
        timestamps: bool = False,
        worker: Worker | None = None,
        on_parents_end: Callable[[], object] = lambda: None,
    ) -> None:
        """Receive from `sock`; `admit` makes an exchange of a request, or deals with it (None).

        With `worker`, the socket is shared with other processes, and the source stops when the
        parent process is gone; `on_parents_end` is called then.
        """
        self._receive = Receiver(sock, timestamps=timestamps).receive
        self._socket = sock
        self._admit = admit
        self._on_parents_end = on_parents_end
        self._stopped = False
        self._epoll: select.epoll | None = None
        self._wakeup = WakeUp()
        self._place = worker.place if worker is not None else None
        running.place = self._place
        self._wait = self._prepare_to_wait(worker)

    def _prepare_to_wait(self, worker: Worker | None) -> Callable[[], object]:
        """Return what waits until there may be something to receive, or the source is stopped."""
        if worker is None or not hasattr(select, "epoll"):
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.register(self._wakeup, select.POLLIN)

            def wait_for_one() -> None:
                poll.poll()
                self._wakeup.take()

            return wait_for_one
        epoll = self._epoll = select.epoll()
        epoll.register(self._socket, _EXCLUSIVE)
        epoll.register(self._wakeup, select.EPOLLIN)
        epoll.register(worker, select.EPOLLIN)

        def wait() -> None:
            ready = {fd for fd, _ in self._wait_among_workers(epoll)}
            if worker.fileno() in ready:
                self._stopped = True
                self._on_parents_end()
            if self._wakeup.fileno() in ready:
                self._wakeup.take()

        return wait

    def _wait_among_workers(self, epoll: select.epoll) -> list[tuple[int, int]]:
        """Wait as the last of those who wait, so that requests go round; or not for requests."""
        epoll.unregister(self._socket)
        if self._should_leave_requests():
            ready = self._leave_requests(epoll)
            epoll.register(self._socket, _EXCLUSIVE)
            return ready
        epoll.register(self._socket, _EXCLUSIVE)
        if self._place is None:
            return epoll.poll(_LOST_WAKE)
        self._place.waiting = True
        self._place.note(running)
        ready = epoll.poll(_BUSY_LOOK if running else _LOST_WAKE)
        self._place.waiting = False
        self._place.note(running)
        return ready

    def _leave_requests(self, epoll: select.epoll) -> list[tuple[int, int]]:
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
            looks = looks + 1 if self.pending(0) else 0
        return []

    def _should_leave_requests(self) -> bool:
        """Tell whether other workers should take what comes: they have nothing to do, we have."""
        return self._place is not None and bool(running) and self._place.others_are_idle()

    def receive(self) -> Exchange | None:
        """Wait for a request; None after `stop` or at end-of-file."""
        if self._place is not None and self._should_leave_requests():
            self._wait()
        while not self._stopped:
            try:
                request = self._receive(_DONTWAIT)
            except BlockingIOError:
                self._wait()
            except ProtocolError as error:
                logger.warning("refused a request: %s", error)
            else:
                if request is None:
                    self._stopped = True
                elif (exchange := self._admit(request)) is not None:
                    return exchange
        return None

    def pending(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a request, without receiving it.

        False after `stop` and at end-of-file, which makes a socket readable, too.
        """
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return (
            not self._stopped and bool(poll.poll(timeout * 1000)) and holds_datagram(self._socket)
        )

    def stop(self) -> None:
        """Receive nothing more."""
        self._stopped = True
        self._wakeup.set()

    def close(self) -> None:
        """Release what the source owns; the socket stays open. A late signal may still `stop`."""
        self._wakeup.close()
        if self._epoll is not None:
            self._epoll.close()

    def abandon(self) -> None:
        """Release what the source owns, in a process that the application has forked."""
        self._stopped = True
        self.close()

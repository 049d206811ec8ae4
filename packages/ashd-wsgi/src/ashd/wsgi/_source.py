"""Requests from standard input, as tasks for a model.

A model's leader is the only thread in `receive`; or several threads receive, each by what
`for_thread` gives it. `stop` may be called anywhere, even in signal handlers. The source borrows
the socket, and owns its receptions, what they wait by, and the pipe that wakes them.
"""

from __future__ import annotations

import select
import socket
from collections import deque
from collections.abc import Callable
from functools import partial

from ashd.proto import holds_datagram
from ashd.serve import WakeUp, Worker, running

from ._exchange import Exchange
from ._reception import Admit, Reception
from ._waits import Waits

_KEEPERS = 5
"""Threads that keep what they wait by: as many as use a few processors. More are there only while
some are blocked in the application, and these may be thousands."""


class RequestSource:
    """Receives requests from an ashd handler socket."""

    def __init__(
        self,
        sock: socket.socket,
        make_admit: Callable[[], Admit],
        *,
        timestamps: bool = False,
        worker: Worker | None = None,
        on_parents_end: Callable[[], object] = lambda: None,
        on_stop: Callable[[], object] = lambda: None,
    ) -> None:
        """Receive from `sock`; `make_admit` makes, for each thread that receives, what makes
        exchanges of requests.

        With `worker`, the socket is shared with other processes, and the source stops when the
        parent process is gone; `on_parents_end` is called then. `stop` calls `on_stop`.
        """
        self._socket = sock
        self._make_admit = make_admit
        self._on_parents_end = on_parents_end
        self._on_stop = on_stop
        self._stopped = False
        self._wakeup = WakeUp()
        running.place = worker.place if worker is not None else None
        self._waits = Waits(sock, self._wakeup, worker)
        self._receptions: list[Reception] = []
        self._unused: deque[Reception] = deque()  # their threads have ended
        self._make = partial(
            Reception,
            sock,
            waits=self._waits,
            wakeup=self._wakeup,
            worker=worker,
            timestamps=timestamps,
            on_end=self.stop,
            on_parents_end=self._lose_parent,
            on_release=self._unused.append,
        )
        self._first = self._add()

    def _add(self) -> Reception:
        reception = self._make(self._make_admit(), keeps=len(self._receptions) < _KEEPERS)
        self._receptions.append(reception)
        reception.stopped = self._stopped  # it may have been stopped meanwhile
        return reception

    def receive(self) -> Exchange | None:
        """Wait for a request; None after `stop` or at end-of-file."""
        return self._first.receive()

    def for_thread(self) -> Reception:
        """Return what the calling thread receives by, beside others."""
        try:
            return self._unused.pop()
        except IndexError:
            return self._add()

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
        """Receive nothing more, and end what would have no end."""
        self._mark_stopped()
        self._wakeup.set()
        self._on_stop()

    def _mark_stopped(self) -> None:
        self._stopped = True
        for reception in self._receptions.copy():
            reception.stopped = True

    def _lose_parent(self) -> None:
        self.stop()
        self._on_parents_end()

    def close(self) -> None:
        """Release what the source owns; the socket stays open. A late signal may still `stop`."""
        self._wakeup.close()
        self._waits.close()

    def abandon(self) -> None:
        """Release what the source owns, in a process that the application has forked."""
        self._mark_stopped()  # and wake nobody by the pipe, which is the parent's as well
        self.close()

"""Several front ends at the same ports, each in a process of its own, and one root handler.

The first process has the root handler and starts the others, which accept: this program once more
(`exec`, not `fork`), with the listening sockets, the handler's socket, and a control socket. When
that closes, a worker finishes what it has and ends: so it does when the first process is gone.

A worker whose place another one takes is told to make way: it accepts nothing more, and serves what
it has accepted.

Each worker has listening sockets of its own, among which the kernel shares connections out evenly;
where they share one, a process that is awake takes them all. The first process keeps all of them
open, and every worker looks at those of the others now and then: so no connection is lost or left
waiting when a worker ends.

Everything here is called in the event loop's thread, `start` before there is a loop.
"""

from __future__ import annotations

import logging
import math
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial

from ._errors import FAILURE_STATUS, StartError
from ._handler import RootHandler
from ._health import Condition, Readiness
from ._interface import Front
from ._limits import LONGEST_DELAY, LONGEST_LOADING_DELAY
from ._parent import LONGEST_WORD, MAKE_WAY, ONCE, RENEW, REOPEN_LOGS, VARIABLE, Sockets
from ._poller import Poller
from ._portspec import Port
from ._process import Backoff, Process, describe_status
from ._queue import RequestQueue
from ._renewal import renew_certificates

_log = logging.getLogger("ashd.htparser")


class _Phase(Enum):
    STARTING = "starting"
    SERVING = "serving"
    FINISHING = "finishing"
    """It was told to finish, or to make way."""


@dataclass(slots=True, eq=False)
class _Worker:
    number: int
    process: Process
    control: socket.socket
    phase: _Phase = _Phase.STARTING
    heard: float = 0.0
    """When it last showed that it isn't stuck; 0 before it has served."""
    successor: _Worker | None = None
    """Takes its place, and has it make way as soon as it serves itself."""


class Workers:
    """The first process' `Backend`: the root handler and the front ends that send to it."""

    def __init__(
        self,
        count: int,
        handler: RootHandler,
        queue: RequestQueue,
        ports: Sequence[Port],
        sockets: Sockets,
        on_ready: Callable[[], object],
        readiness: Readiness,
        *,
        confined: bool,
    ) -> None:
        """Own the listening sockets, `count` for each address; share the queue's.

        `on_ready` is called once for each number of a worker, when that serves. Workers that
        are `confined` can't open files again, so others take their place to do that.
        """
        self._count = count
        self._handler = handler
        self._queue = queue
        self._ports = ports
        self._sockets = sockets
        self._on_ready = on_ready
        self._readiness = readiness
        readiness.listen(self._tell_condition)
        self._confined = confined
        self._unready = set(range(count))
        self._workers: list[_Worker] = []
        self._poller: Poller | None = None
        self._front: Front
        self._stopping = False
        self._backoff = Backoff()

    def start(self) -> None:
        """Start all; raises `StartError`."""
        self._handler.start()
        for number in range(self._count):
            self._start_one(number)

    def renew(self) -> None:
        """Let all finish, and start others: there is a new socket to send to."""
        for worker in self._workers:
            self._finish(worker)

    def _replace(self) -> None:
        """Start others; when these serve, the ones before them finish what they have."""
        for worker in self._workers[:]:
            if worker.phase is _Phase.SERVING and worker.successor is None:
                try:
                    worker.successor = self._start_one(worker.number)
                except StartError as error:
                    _log.error("%s; process %d goes on", error, worker.process.pid)

    def _predecessor(self, worker: _Worker) -> _Worker | None:
        return next((each for each in self._workers if each.successor is worker), None)

    # See `Backend`

    @property
    def draining(self) -> bool:
        """See `Backend`."""
        return bool(self._workers)

    @property
    def ended(self) -> bool:
        """See `Backend`."""
        return self._handler.ended and not self._workers

    def attach(self, poller: Poller, front: Front) -> None:
        """See `Backend`."""
        self._poller, self._front = poller, front
        for worker in self._workers:
            self._watch(worker)
        self._handler.attach(poller, front)

    def sweep(self, now: float) -> None:
        """See `Backend`."""
        self._handler.sweep(now)
        self._look(0)

    @property
    def last_heard(self) -> float:
        """See `Backend`; workers tell each second."""
        serving = (worker for worker in self._workers if worker.phase is _Phase.SERVING)
        return min((worker.heard for worker in serving), default=math.inf)

    def reload(self) -> None:
        """See `Backend`; if certificates are good, workers take them as well."""
        renewed = renew_certificates(self._ports)
        self._handler.reload()
        if not self._confined:
            if renewed:
                self._tell(RENEW)
        elif renewed.issuperset(port for port in self._ports if port.tls is not None):
            self._replace()

    def reopen_logs(self) -> None:
        """See `Backend`. A signal would kill a worker that just starts."""
        if self._confined:
            self._replace()
            return
        self._tell(REOPEN_LOGS)

    def _tell_condition(self, condition: Condition) -> None:
        self._tell(condition.value.encode())

    def _tell(self, word: bytes) -> None:
        for worker in self._workers:
            with suppress(OSError):  # it has ended; another one learns it anyway
                worker.control.send(word, socket.MSG_DONTWAIT)

    def stop(self) -> None:
        """See `Backend`."""
        self._stopping = True
        self.renew()
        for _, sock in self._sockets:
            sock.close()
        self._handler.stop()

    def terminate(self) -> None:
        """See `Backend`."""
        self._handler.terminate()

    def kill(self) -> None:
        """See `Backend`."""
        self._handler.kill()
        for worker in self._workers:
            worker.process.kill_group()

    def release(self) -> None:
        """See `Backend`."""
        self._handler.release()

    # One worker

    def _start_one(self, number: int) -> _Worker:
        try:
            ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        except OSError as error:
            raise StartError(f"a front end: {error.strerror}") from error
        ours.send(self._readiness.condition.value.encode())
        fds = [theirs.fileno(), self._queue.fileno()]
        places = []
        for port, sock in self._sockets:
            fds.append(sock.fileno())
            places.append(f"{self._ports.index(port)}:{sock.fileno()}")
        text = f"{number} {theirs.fileno()} {self._queue.fileno()} {' '.join(places)}"
        environ = {**os.environ, VARIABLE: text}
        argv = [sys.executable, *sys.orig_argv[1:]]
        try:
            process = Process(
                "a front end", argv, stdin=subprocess.DEVNULL, environ=environ, pass_fds=fds
            )
        except StartError:
            ours.close()
            raise
        finally:
            theirs.close()
        worker = _Worker(number, process, ours)
        self._workers.append(worker)
        self._watch(worker)
        return worker

    def _watch(self, worker: _Worker) -> None:
        if self._poller is None:
            return
        if worker.process.pidfd >= 0:
            self._poller.add(worker.process.pidfd, ONCE, self._look)
        self._poller.add(worker.control.fileno(), select.EPOLLIN, partial(self._hear, worker))

    def _hear(self, worker: _Worker, _: int) -> None:
        """A worker serves, or is gone, which its process tells."""
        assert self._poller is not None
        try:
            said = worker.control.recv(LONGEST_WORD, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        except OSError:
            said = b""
        if not said:
            self._poller.remove(worker.control.fileno())
            return
        worker.heard = time.monotonic()
        if worker.phase is _Phase.STARTING:
            worker.phase = _Phase.SERVING
            before = self._predecessor(worker)
            if before is not None:
                self._make_way(before)
        if worker.number in self._unready:
            self._unready.remove(worker.number)
            self._on_ready()

    def _make_way(self, worker: _Worker) -> None:
        """Have it serve what it has accepted, and no more."""
        worker.phase = _Phase.FINISHING
        try:
            worker.control.send(MAKE_WAY, socket.MSG_DONTWAIT)
        except OSError:  # it is stuck, or has ended
            self._finish(worker)

    def _finish(self, worker: _Worker) -> None:
        """Have it finish what is being served; it learns that by the end of its control socket."""
        assert self._poller is not None
        worker.phase = _Phase.FINISHING
        self._poller.forget(worker.control.fileno())
        worker.control.close()

    def _look(self, _: int) -> None:
        """See which have ended; start others, or end."""
        for worker in self._workers[:]:
            process = worker.process
            if process.status is None:
                continue
            assert self._poller is not None
            self._workers.remove(worker)
            failed = worker.number in self._unready and worker.phase is not _Phase.FINISHING
            self._finish(worker)
            self._poller.forget(process.pidfd)
            process.reap()
            why = f"a front end (process {process.pid}) ended {describe_status(process.status)}"
            before = self._predecessor(worker)
            if self._stopping:
                self._front.finish(0)
            elif worker.successor is not None:
                _log.info("a front end (process %d) has made way for another one", process.pid)
            elif before is not None and before.phase is _Phase.SERVING:
                before.successor = None
                _log.error("%s before it served; process %d goes on", why, before.process.pid)
            elif failed:
                _log.error("%s before it served anything", why)
                self._front.finish(FAILURE_STATUS)
            else:
                longest = LONGEST_DELAY if worker.heard else LONGEST_LOADING_DELAY
                self._wait(worker.number, why, self._backoff.delay(process.age, longest))

    def _wait(self, number: int, why: str, delay: float) -> None:
        assert self._poller is not None
        _log.error("%s; another one is started in %.1f s", why, delay)
        self._poller.call_later(delay, partial(self._start_another, number))

    def _start_another(self, number: int) -> None:
        if self._stopping:
            return
        try:
            self._start_one(number)
        except StartError as error:
            self._wait(number, str(error), self._backoff.delay(0))

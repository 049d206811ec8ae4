"""The parent of worker processes: it holds the handler socket, and receives nothing itself.

It starts workers, starts again those that die, replaces those that say that they leave, replaces
all on SIGHUP one by one, and passes the signals to stop on. Everything happens in one loop in the
main thread; the kernel decides which worker gets a request.
"""

from __future__ import annotations

import logging
import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from types import FrameType

from ._worker import LEAVING, READY, VARIABLE

logger = logging.getLogger("ashd.serve")

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0
"""Seconds before a worker that died is started again: growing, so that a worker that dies at once
doesn't use up the machine, and bounded, so that a cure is noticed soon."""

_HEALTHY = 10.0
"""Seconds that a worker has to live for its death not to count as one more in a row."""

_KILL_AFTER = 2.0
"""Seconds that workers get beyond the graceful timeout, to report what they are doing."""


class _State(Enum):
    STARTING = "starting"
    READY = "ready"
    LEAVING = "leaving"


@dataclass(slots=True, eq=False)
class _Child:
    process: subprocess.Popen[bytes]
    control: socket.socket
    generation: int
    born: float
    state: _State = _State.STARTING
    replaces: _Child | None = field(default=None, repr=False)


Connect = Callable[[str], tuple[str, socket.socket]]
"""Makes one more connection to a worker, whose number it is given (`"1"` is the first): returns the
worker's end, and the environment variable that tells the worker its descriptor."""


class Workers:
    """Keeps `count` worker processes receiving from one socket."""

    def __init__(
        self,
        argv: Sequence[str],
        count: int,
        sock: socket.socket,
        graceful_timeout: float | None = None,
    ) -> None:
        """Run `argv` in each worker, with `sock` (which is borrowed) as its standard input.

        `graceful_timeout` is how many seconds workers have to finish their requests.
        """
        self._argv = list(argv)
        self._count = count
        self._socket = sock
        self._graceful_timeout = graceful_timeout
        self._children: list[_Child] = []
        self._generation = 0
        self._failures = 0
        self._start_at = 0.0
        self._stopping = False
        self._deadline: float | None = None
        self._connect: Connect | None = None
        self._started = 0
        self._signals: list[int] = []
        self._stop_signals = 0
        self._ended = False  # end-of-file on the handler socket
        self._status = 0

    def pids(self) -> list[int]:
        """Return the process IDs of the workers."""
        return [child.process.pid for child in self._children]

    def run(self, connect: Connect | None = None) -> int:
        """Run until a signal or end-of-file; return the exit status.

        It is 1 when the first worker can't start, or one had to be killed.
        """
        self._connect = connect
        wake_read, wake_write = os.pipe()
        os.set_blocking(wake_write, False)
        os.set_blocking(wake_read, False)
        previous = signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD):
            signal.signal(number, self._note_signal)
        try:
            while self._step(wake_read):
                pass
        finally:
            self._kill_all()
            signal.set_wakeup_fd(previous)
            os.close(wake_read)
            os.close(wake_write)
        return self._status

    def _note_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    # One turn of the loop

    def _step(self, wake: int) -> bool:
        self._obey_signals()
        self._bury_the_dead()
        if self._stopping and not self._children:
            return False
        if self._deadline is not None and time.monotonic() >= self._deadline:
            logger.error("workers that did not end in time are killed: %s", self.pids())
            self._status = 1
            return False
        if not self._stopping:
            self._start_missing()
        self._wait(wake)
        return True

    def _wait(self, wake: int) -> None:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        if not self._ended:
            poll.register(self._socket, 0)  # for POLLHUP alone
        by_fd = {child.control.fileno(): child for child in self._children}
        by_fd.pop(-1, None)  # closed ones
        for fd in by_fd:
            poll.register(fd, select.POLLIN)
        for fd, _ in poll.poll(self._patience()):
            if fd == wake:
                os.read(wake, 4096)
            elif fd == self._socket.fileno():
                self._end()
            else:
                self._listen_to(by_fd[fd])

    def _patience(self) -> float | None:
        times = [] if self._deadline is None else [self._deadline]
        if not self._stopping and self._missing() > 0:
            times.append(self._start_at)
        if not times:
            return None
        return max(0.0, min(times) - time.monotonic()) * 1000 + 1

    def _listen_to(self, child: _Child) -> None:
        try:
            words = child.control.recv(64)
        except OSError:
            words = b""
        if READY in words and child.state is _State.STARTING:
            child.state = _State.READY
            if child.replaces is not None:
                self._dismiss(child.replaces)
                child.replaces = None
        if LEAVING in words and child.state is not _State.LEAVING:
            child.state = _State.LEAVING
            logger.info("worker %d leaves and is replaced", child.process.pid)
        if not words:  # gone, or going; SIGCHLD tells
            child.control.close()

    # Signals

    def _obey_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGHUP and not self._stopping:
                logger.info("replacing the workers")
                self._generation += 1
                self._start_at = 0.0
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop(number)

    def _stop(self, number: int) -> None:
        """Pass a signal on; the second one ends everything at once."""
        self._stop_signals += 1
        if self._stop_signals > 1:
            self._deadline = time.monotonic()
            return
        self._begin_to_stop()
        for child in self._children:
            child.process.send_signal(number)

    def _end(self) -> None:
        """See to the end-of-file, which the workers see as well."""
        self._ended = True
        self._begin_to_stop()

    def _begin_to_stop(self) -> None:
        if not self._stopping and self._graceful_timeout is not None:
            self._deadline = time.monotonic() + self._graceful_timeout + _KILL_AFTER
        self._stopping = True

    def _dismiss(self, child: _Child) -> None:
        child.state = _State.LEAVING
        child.process.send_signal(signal.SIGTERM)

    # Starting and ending

    def _serving(self) -> list[_Child]:
        return [child for child in self._children if child.state is not _State.LEAVING]

    def _outdated(self) -> _Child | None:
        old = (child for child in self._serving() if child.generation < self._generation)
        return next(old, None)

    def _missing(self) -> int:
        serving = self._serving()
        if any(child.state is _State.STARTING for child in serving):
            return 0  # one at a time: if it fails, it fails once
        if self._outdated() is not None:
            return 1
        return self._count - len(serving)

    def _start_missing(self) -> None:
        if self._missing() > 0 and time.monotonic() >= self._start_at:
            replaced = self._outdated() if len(self._serving()) >= self._count else None
            child = self._start()
            child.replaces = replaced

    def _start(self) -> _Child:
        ours, theirs = socket.socketpair()
        ends = {VARIABLE: theirs}
        self._started += 1
        if self._connect is not None:
            variable, end = self._connect(str(self._started))
            ends[variable] = end
        try:
            process = subprocess.Popen(
                self._argv,
                stdin=self._socket.fileno(),
                pass_fds=[end.fileno() for end in ends.values()],
                process_group=0,  # a terminal's Ctrl-C reaches them through us alone, once
                env=os.environ | {name: str(end.fileno()) for name, end in ends.items()},
            )
        finally:
            for end in ends.values():
                end.close()
        child = _Child(process, ours, self._generation, time.monotonic())
        self._children.append(child)
        return child

    def _bury_the_dead(self) -> None:
        for child in self._children[:]:
            status = child.process.poll()
            if status is not None:
                self._children.remove(child)
                child.control.close()
                self._mourn(child, status)

    def _mourn(self, child: _Child, status: int) -> None:
        if self._stopping:
            self._status = max(self._status, 1 if status else 0)
        elif child.state is _State.STARTING:
            self._mourn_stillborn(child, status)
        elif child.state is _State.READY and not self._at_end_of_file():
            lived = time.monotonic() - child.born
            self._failures = 0 if lived >= _HEALTHY else self._failures
            self._delay_start()
            logger.error("worker %d died (%s)", child.process.pid, _status_text(status))

    def _mourn_stillborn(self, child: _Child, status: int) -> None:
        """A worker could not start: its own log says why."""
        if not self._serving() and child.generation == 0 and not self._failures:
            self._stopping = True
            self._status = 1
        elif self._outdated() is not None:
            logger.error("the workers can't be replaced (see above); the old ones go on")
            for old in self._serving():
                old.generation = self._generation
        else:
            self._delay_start()
            logger.error("a worker could not start (%s)", _status_text(status))

    def _delay_start(self) -> None:
        delay = min(_FIRST_DELAY * 2**self._failures, _LONGEST_DELAY)
        self._failures = min(self._failures + 1, 16)
        self._start_at = time.monotonic() + delay

    def _at_end_of_file(self) -> bool:
        poll = select.poll()
        poll.register(self._socket, 0)
        if poll.poll(0):
            self._end()
        return self._ended

    def _kill_all(self) -> None:
        for child in self._children:
            child.process.kill()
        for child in self._children:
            child.process.wait()
            child.control.close()


def _status_text(status: int) -> str:
    if status < 0:
        return f"killed by {signal.Signals(-status).name}"
    return f"exit status {status}"

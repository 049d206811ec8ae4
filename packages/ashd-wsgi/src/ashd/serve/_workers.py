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
import time
from collections.abc import Callable, Sequence
from types import FrameType

from ._board import Places
from ._child import Child, State
from ._wakeup import LONGEST, WakeUp

logger = logging.getLogger("ashd.serve")

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 30.0
"""Seconds before a worker that died is started again: growing, so that a worker that dies at once
doesn't use up the machine, and bounded, so that a cure is noticed soon."""

_HEALTHY = 10.0
"""Seconds that a worker has to live for its death not to count as one more in a row."""

_KILL_AFTER = 2.0
"""Seconds that workers get beyond the graceful timeout, to report what they are doing."""

_LOOK = 0.1
"""Seconds between looks at a queue that nobody adds to any more: does it still hold requests?"""


Look = Callable[[socket.socket], bool]

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
        *,
        hung_up: Look,
        holds_request: Look,
        handed_on: Sequence[int] = (),
        on_stop: Callable[[], object] | None = None,
    ) -> None:
        """Run `argv` in each worker, with `sock` (which is borrowed) as its standard input.

        `graceful_timeout` is how many seconds workers have to finish their requests. `hung_up`
        tells whether nobody sends any more, `holds_request` whether there is more to receive.
        Signals that are `handed_on` go to all workers; each has to have a handler when it is ready.

        `on_stop` is for a parent that sends the requests itself: called on a signal to stop, it
        ends the sending, and the end-of-file ends the workers when they have received all.
        """
        self._argv = list(argv)
        self._count = count
        self._socket = sock
        self._hung_up = hung_up
        self._handed_on = handed_on
        self._holds_request = holds_request
        self._on_stop = on_stop
        self._graceful_timeout = graceful_timeout
        self._children: list[Child] = []
        self._generation = 0
        self._renewal_waits = False
        self._has_served = False
        self._failures = 0
        self._start_at = 0.0
        self._ended = False  # nobody sends requests any more
        self._stopping = False  # nobody is to receive any more
        self._deadline: float | None = None
        self._connect: Connect | None = None
        self._places: Places | None = None
        self._started = 0
        self._signals: list[int] = []
        self._stop_signals = 0
        self._status = 0

    def pids(self) -> list[int]:
        """Return the process IDs of the workers."""
        return [child.pid for child in self._children]

    def run(self, connect: Connect | None = None) -> int:
        """Run until a signal or end-of-file; return the exit status.

        It is 1 when the first worker can't start, or one had to be killed.
        """
        self._connect = connect
        if self._count > 1 and hasattr(os, "memfd_create"):
            self._places = Places()
        wakeup = WakeUp()
        wakeup.set_by_signals()
        ours = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)
        for number in (*ours, *self._handed_on):
            signal.signal(number, self._note_signal)
        try:
            while self._step(wakeup):
                pass
        finally:
            self._kill_all()
            signal.set_wakeup_fd(-1)
            wakeup.close()
            if self._places is not None:
                self._places.close()
        return self._status

    def _note_signal(self, number: int, _frame: FrameType | None) -> None:
        self._signals.append(number)

    # One turn of the loop

    def _step(self, wakeup: WakeUp) -> bool:
        for child in self._children:
            self._listen_to(child)
        self._obey_signals()
        self._look_for_end()
        self._remove_ended()
        self._renew_if_asked()
        if self._stopping and not self._children:
            return False
        if self._deadline is not None and time.monotonic() >= self._deadline:
            logger.error("workers that have not finished are killed: %s", self.pids())
            self._status = 1
            return False
        if not self._stopping:
            self._start_missing()
        self._wait(wakeup)
        return True

    def _wait(self, wakeup: WakeUp) -> None:
        poll = select.poll()
        poll.register(wakeup, select.POLLIN)
        if not self._ended:
            poll.register(self._socket, 0)  # for POLLHUP alone
        for child in self._children:
            if child.control.fileno() >= 0:  # else it is about to end
                poll.register(child.control, select.POLLIN)
        poll.poll(self._patience())
        wakeup.take()

    def _patience(self) -> float | None:
        times = [] if self._deadline is None else [self._deadline]
        if not self._stopping:
            if self._missing() > 0:
                times.append(self._start_at)
            if self._ended:
                times.append(time.monotonic() + _LOOK)
        if not times:
            return None
        left = min(times) - time.monotonic()
        return max(0.0, min(left, LONGEST)) * 1000 + 1

    def _listen_to(self, child: Child) -> None:
        before, now = child.state, child.listen()
        if now is before:
            return
        if before is State.STARTING:
            self._has_served = True
            if child.replaces is not None:
                child.replaces.replaced = True
                child.replaces.stop()
                child.replaces = None
        if now is State.LEAVING and not self._stopping:
            logger.info("worker %d leaves and is replaced", child.pid)

    # Signals and the end

    def _obey_signals(self) -> None:
        while self._signals:
            number = self._signals.pop(0)
            if number == signal.SIGHUP and not self._stopping:
                self._ask_for_renewal()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop(number)
            elif number in self._handed_on:
                for child in self._children:
                    child.hand_on(number)

    def _ask_for_renewal(self) -> None:
        """Replace all workers, now or when those of an earlier generation have finished.

        Otherwise each signal would add a generation while requests hang.
        """
        if self._finishing() and not self._renewal_waits:
            logger.info(
                "the workers are replaced when those that still finish requests have ended: %s",
                self._finishing(),
            )
        self._renewal_waits = True

    def _finishing(self) -> list[int]:
        return [child.pid for child in self._children if child.replaced]

    def _renew_if_asked(self) -> None:
        if self._renewal_waits and not self._stopping and not self._finishing():
            self._renewal_waits = False
            self._renew()

    def _renew(self) -> None:
        """Replace all workers; those that are starting may have loaded something old already."""
        logger.info("replacing the workers")
        self._generation += 1
        self._start_at = 0.0
        for child in self._children:
            if child.state is State.STARTING:
                child.stop()

    def _stop(self, number: int) -> None:
        """Pass a signal on; the second one ends everything at once."""
        self._stop_signals += 1
        if self._stop_signals > 1:
            self._deadline = time.monotonic()
            return
        if self._on_stop is not None:
            self._on_stop()
            return
        self._begin_to_stop()
        for child in self._children:
            child.stop(number)

    def _look_for_end(self) -> None:
        """Notice end-of-file, which comes after the last request, and which workers see."""
        self._ended = self._ended or self._hung_up(self._socket)
        if self._ended and not self._stopping and not self._holds_request(self._socket):
            self._begin_to_stop()

    def _begin_to_stop(self) -> None:
        if not self._stopping and self._graceful_timeout is not None:
            self._deadline = time.monotonic() + self._graceful_timeout + _KILL_AFTER
        self._stopping = True

    # Starting and ending

    def _serving(self) -> list[Child]:
        return [child for child in self._children if child.state is not State.LEAVING]

    def _outdated(self) -> Child | None:
        old = (child for child in self._serving() if child.generation < self._generation)
        return next(old, None)

    def _missing(self) -> int:
        serving = self._serving()
        if any(child.state is State.STARTING for child in serving):
            return 0  # one at a time: if it fails, it fails once
        if self._outdated() is not None:
            return 1
        return self._count - len(serving)

    def _start_missing(self) -> None:
        if self._missing() <= 0 or time.monotonic() < self._start_at:
            return
        try:
            child = self._start()
        except OSError as error:
            logger.error(
                "no worker can be started (%s); another attempt in %.1f s",
                error.strerror,
                self._delay_start(),
            )
            return
        child.replaces = self._outdated() if len(self._serving()) >= self._count else None
        self._children.append(child)

    def _start(self) -> Child:
        self._started += 1
        further = [self._connect(str(self._started))] if self._connect is not None else []
        try:
            return Child(
                self._argv, self._socket.fileno(), self._generation, dict(further), self._places
            )
        finally:
            for _, end in further:
                end.close()

    def _remove_ended(self) -> None:
        for child in self._children[:]:
            status = child.ended()
            if status is not None:
                self._listen_to(child)  # its last words
                self._children.remove(child)
                child.wait()
                self._note_end(child, status)

    def _note_end(self, child: Child, status: int) -> None:
        if self._stopping:
            self._status = max(self._status, int(child.failed(status)))
        elif child.state is State.STARTING:
            self._note_failed_start(child, status)
        elif child.state is State.READY:
            self._failures = 0 if child.age >= _HEALTHY else self._failures
            logger.error(
                "worker %d died (%s); another is started in %.1f s",
                child.pid,
                _status_text(status),
                self._delay_start(),
            )
            self._give_up_at_end()
        elif child.failed(status):
            logger.error("worker %d died while it left (%s)", child.pid, _status_text(status))

    def _note_failed_start(self, child: Child, status: int) -> None:
        """A worker could not start: its own log says why."""
        if not self._has_served:
            self._stopping = True
            self._status = 1
        elif self._outdated() is not None and child.generation == self._generation:
            logger.error("the workers can't be replaced (see above); the old ones go on")
            for old in self._serving():
                old.generation = self._generation
        else:
            logger.error(
                "a worker could not start (%s); another attempt in %.1f s",
                _status_text(status),
                self._delay_start(),
            )
            self._give_up_at_end()

    def _delay_start(self) -> float:
        delay: float = min(_FIRST_DELAY * 2**self._failures, _LONGEST_DELAY)
        self._failures = min(self._failures + 1, 16)
        self._start_at = time.monotonic() + delay
        return delay

    def _give_up_at_end(self) -> None:
        """Nobody is left to serve what is still queued, and nobody waits for a cure."""
        if self._ended and not self._serving():
            self._begin_to_stop()
            self._status = 1

    def _kill_all(self) -> None:
        for child in self._children:
            child.kill()
        for child in self._children:
            child.wait()


def _status_text(status: int) -> str:
    if status < 0:
        name = signal.strsignal(-status)  # None for real-time signals
        return f"killed by signal {-status}" + (f": {name}" if name else "")
    return f"exit status {status}"

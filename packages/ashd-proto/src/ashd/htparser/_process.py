"""The root handler as a process, and front ends as processes: their start, signals and end.

A `Process` is reaped by `reap` and not before: until then neither its number nor that of its group
can become another's, so whatever is killed is ours.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Collection, Mapping
from contextlib import suppress

from ashd.proto import SpawnError
from ashd.util._children import start_program

from ._errors import StartError
from ._limits import FIRST_DELAY, HEALTHY_AGE, LONGEST_LOADING_DELAY

_running: set[int] = set()


class Process:
    """A running process, which leads a session of its own."""

    def __init__(
        self,
        what: str,
        argv: list[str],
        *,
        stdin: int,
        environ: Mapping[str, str],
        pass_fds: Collection[int] = (),
    ) -> None:
        """Start the program, PATH is searched; the descriptors are borrowed.

        Raises `StartError`, which names it as `what`.
        """
        try:
            self._popen = start_program(
                argv, stdin=stdin, start_new_session=True, env=environ, pass_fds=pass_fds
            )
        except SpawnError as error:
            raise StartError(f"{what}: {error.strerror or error}") from error
        _running.add(self.pid)
        self._born = time.monotonic()
        try:
            self.pidfd = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            self.pidfd = -1  # then its end is found by looking
        self._status: int | None = None

    @property
    def pid(self) -> int:
        """The process' id, and that of its group."""
        return self._popen.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._born

    @property
    def status(self) -> int | None:
        """What it ended with (negative: the signal), or None while it runs."""
        if self._status is None:
            found = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if found is not None:
                exited = found.si_code == os.CLD_EXITED
                self._status = found.si_status if exited else -found.si_status
        return self._status

    def send_signal(self, number: int) -> None:
        """Send a signal to this process alone."""
        if self.status is None:
            os.kill(self.pid, number)

    def kill_group(self) -> None:
        """Kill it, and what it has started and left in its process group."""
        signal_group(self.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Wait for it, and forget it. What is left of its group keeps the group's number taken."""
        self._popen.wait()
        _running.discard(self.pid)
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def reap_orphans() -> None:
    """Reap what isn't ours, if this is process 1 (of a container), to which all orphans are given.

    One of ours that has ended stands in the way until its `Process` is reaped, which isn't long.
    """
    if os.getpid() != 1:
        return
    with suppress(ChildProcessError):
        while found := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if found.si_pid in _running:
                return
            os.waitid(os.P_PID, found.si_pid, os.WEXITED)


def signal_group(group: int, number: int) -> bool:
    """Send a signal (0: none) to a process group; return whether it has any members."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return False
    except PermissionError:  # they became other users
        return True
    return True


class Backoff:
    """How long to wait before something that has died is started again."""

    def __init__(self) -> None:
        """Nothing has died yet."""
        self._failures = 0

    def delay(self, age: float, longest: float = LONGEST_LOADING_DELAY) -> float:
        """Return the seconds to wait after the death of a process that was `age` seconds old."""
        if age >= HEALTHY_AGE:
            self._failures = 0
        delay: float = min(FIRST_DELAY * 2**self._failures, longest)
        self._failures += delay < LONGEST_LOADING_DELAY
        return delay


def describe_status(status: int) -> str:
    """Say how a process ended."""
    return f"by signal {-status}" if status < 0 else f"with status {status}"

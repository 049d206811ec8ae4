"""The root handler as a process: starting it, its signals, its end.

A `Process` is reaped by `reap` and not before: until then neither its number nor that of its group
can become another's, so whatever is killed is ours.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time

from ashd.proto._ready import READY_VARIABLE

from ._errors import StartError

_UNSET = "ASHD_USESYSLOG"


class Process:
    """A running root handler, which leads a session of its own."""

    def __init__(self, argv: list[str], stdin: int) -> None:
        """Start the program, PATH is searched; `stdin` is borrowed. Raises `StartError`."""
        environ = {name: value for name, value in os.environ.items() if name != _UNSET}
        environ[READY_VARIABLE] = "1"
        try:
            self._popen = subprocess.Popen(argv, stdin=stdin, start_new_session=True, env=environ)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            raise StartError(f"can't start the root handler {argv[0]!r}: {reason}") from error
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
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left but itself, which has ended; or they became other users

    def reap(self) -> None:
        """Wait for it, and forget it."""
        self._popen.wait()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


def describe_status(status: int) -> str:
    """Say how a process ended."""
    return f"by signal {-status}" if status < 0 else f"with status {status}"

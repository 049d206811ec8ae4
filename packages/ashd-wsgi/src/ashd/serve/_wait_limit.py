"""The time limit on waiting for a thread: a process in which none comes free is broken."""

from __future__ import annotations

import os
import sys
import time

from ._interface import Source
from ._thread_dump import report_threads

_LOOK = 0.05
"""Seconds between two looks while no thread is free; how exact a limit is kept."""


class WaitLimit:
    """Ends the process when a request waits too long for a thread. Used by the main thread."""

    def __init__(self, timeout: float) -> None:
        """Grant `timeout` seconds."""
        self._timeout = timeout
        self._turn = -1
        self._since: float | None = None

    def look(self, source: Source, turn: int) -> float:
        """Look at requests that wait while no thread is free; return when to look again.

        `turn` is how many were received so far.
        """
        now = time.monotonic()
        if turn != self._turn or not source.pending(0):
            self._turn, self._since = turn, None
        elif self._since is None:
            self._since = now
        elif now - self._since > self._timeout:
            _abort(self._timeout)
        return min(_LOOK, self._timeout / 10)


def _abort(timeout: float) -> None:
    sys.stderr.write(
        f"ashd: a request has waited more than {timeout:g} s for a thread; aborting. All threads:\n"
    )
    report_threads(sys.stderr)
    os.abort()

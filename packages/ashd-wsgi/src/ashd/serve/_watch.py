"""The time limit on waiting for a thread: a process in which none comes free is broken."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable

from ._crew import Crew
from ._interface import Source
from ._report import report_threads

_LOOK = 0.05
"""Seconds between two looks at a crew that is saturated; how exact a limit is kept."""


class Watch:
    """Ends the process when a request waits too long for a thread of a crew."""

    def __init__(self, timeout: float | None) -> None:
        """Grant `timeout` seconds; None grants any."""
        self._timeout = timeout

    def bind(self, source: Source) -> Callable[[Crew], None] | None:
        """Return what the crew's main thread shall call while the crew is saturated."""
        timeout = self._timeout
        if timeout is None:
            return None
        return lambda crew: self._look_on(crew, source, timeout)

    def _look_on(self, crew: Crew, source: Source, timeout: float) -> None:
        turn = crew.turn
        waiting_since = None
        while crew.saturated and crew.turn == turn:
            now = time.monotonic()
            if not source.pending(0):
                waiting_since = None
            elif waiting_since is None:
                waiting_since = now
            elif now - waiting_since > timeout:
                _abort(timeout)
            crew.rest(min(_LOOK, timeout / 10))


def _abort(timeout: float) -> None:
    sys.stderr.write(
        f"ashd: a request has waited more than {timeout:g} s for a thread; aborting. All threads:\n"
    )
    report_threads(sys.stderr)
    os.abort()

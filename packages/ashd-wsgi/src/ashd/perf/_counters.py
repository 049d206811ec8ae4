"""Counters of a process' requests. Any thread may use them; each holds its lock for an instant."""

from __future__ import annotations

import threading
from bisect import bisect_left

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latencies that are counted together, in seconds: the steps that monitoring
systems use, from what a fast application needs to what a person waits for."""


class Counters:
    """How many responses there were, by status, and how long they took."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._lock = threading.Lock()  # guards all below
        self._by_status: dict[str, int] = {}
        self._by_latency = [0] * (len(BOUNDS) + 1)
        self._seconds = 0.0
        self._aborted = 0

    def count(self, status: str, seconds: float | None, aborted: bool) -> None:
        """Count a response."""
        with self._lock:
            self._by_status[status] = self._by_status.get(status, 0) + 1
            self._aborted += aborted
            if seconds is not None:
                self._by_latency[bisect_left(BOUNDS, seconds)] += 1
                self._seconds += seconds

    def by_status(self) -> dict[str, int]:
        """Return the number of responses by status code."""
        with self._lock:
            return dict(self._by_status)

    def aborted(self) -> int:
        """Return how many clients went away before their response was complete."""
        with self._lock:
            return self._aborted

    def latency(self) -> dict[str, object]:
        """Return `count`, `sum` (seconds), and `buckets`: upper bounds with cumulative counts."""
        with self._lock:
            counts, seconds = list(self._by_latency), self._seconds
        buckets, total = [], 0
        for bound, number in zip((*BOUNDS, float("inf")), counts, strict=True):
            total += number
            buckets.append([bound, total])
        return {"count": total, "sum": seconds, "buckets": buckets}


counters = Counters()
"""Those of this process."""

"""Counters of a process' requests. Any thread may use them.

Each thread that receives requests counts in a tally of its own, so that threads don't wait for each
other; who wants to know adds the tallies up.
"""

from __future__ import annotations

import threading
from bisect import bisect_left

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the latencies that are counted together, in seconds: the steps that monitoring
systems use, from what a fast application needs to what a person waits for."""


class Tally:
    """What one thread has counted, or what several have counted together."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._lock = threading.Lock()  # guards all below; whoever reads holds it for an instant
        self.by_status: dict[str, int] = {}
        self.by_latency = [0] * (len(BOUNDS) + 1)
        self.seconds = 0.0
        self.aborted = 0

    def count(self, status: str, seconds: float | None, aborted: bool) -> None:
        """Count a response."""
        with self._lock:
            self.by_status[status] = self.by_status.get(status, 0) + 1
            self.aborted += aborted
            if seconds is not None:
                self.by_latency[bisect_left(BOUNDS, seconds)] += 1
                self.seconds += seconds

    def add_to(self, total: Tally) -> None:
        """Add it to a tally that nobody else uses."""
        with self._lock:
            for status, number in self.by_status.items():
                total.by_status[status] = total.by_status.get(status, 0) + number
            total.by_latency = list(map(int.__add__, total.by_latency, self.by_latency))
            total.seconds += self.seconds
            total.aborted += self.aborted


class Counters:
    """How many responses there were, by status, and how long they took."""

    def __init__(self) -> None:
        """Start at nothing."""
        self._tallies: list[Tally] = []

    def tally(self) -> Tally:
        """Return a new tally, which belongs to the counters for good."""
        tally = Tally()
        self._tallies.append(tally)
        return tally

    def _total(self) -> Tally:
        total = Tally()
        for tally in self._tallies.copy():
            tally.add_to(total)
        return total

    def by_status(self) -> dict[str, int]:
        """Return the number of responses by status code."""
        return self._total().by_status

    def aborted(self) -> int:
        """Return how many clients went away before their response was complete."""
        return self._total().aborted

    def latency(self) -> dict[str, object]:
        """Return `count`, `sum` (seconds), and `buckets`: upper bounds with cumulative counts."""
        counted = self._total()
        buckets, total = [], 0
        for bound, number in zip((*BOUNDS, float("inf")), counted.by_latency, strict=True):
            total += number
            buckets.append([bound, total])
        return {"count": total, "sum": counted.seconds, "buckets": buckets}


counters = Counters()
"""Those of this process."""

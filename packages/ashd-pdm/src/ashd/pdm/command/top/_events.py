"""Requests as their events tell of them, for daemons that have events and nothing better."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections import Counter
from contextlib import suppress
from itertools import accumulate

from ..._errors import PdmError
from ..._records import Server
from ...cli import PerfClient
from ...perf import FinishEvent, StartEvent
from .._connection import find_if_any

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf)
MOST_AT_ONCE = 5000
"""Events that one look takes; more than that are the next look's."""

MOST_RUNNING = 10_000
"""Requests that are remembered; beyond that their ends have been lost."""


class RequestEvents:
    """Keeps what `ashd.perf.server` would tell."""

    def __init__(self, client: PerfClient) -> None:
        self._client = client
        self._running: dict[object, tuple[StartEvent, float]] = {}
        self._by_status: Counter[str] = Counter()
        self._by_latency = [0] * len(BOUNDS)
        self._seconds = 0.0

    @classmethod
    def of(cls, client: PerfClient) -> RequestEvents | None:
        """Subscribe, if the daemon has such events."""
        source = find_if_any(client, "ashd.perf.requests")
        events = cls(client)
        with suppress(PdmError):
            if source is not None:
                source.subscribe(events._take)
                return events
        return None

    def _take(self, event: object) -> None:
        if isinstance(event, StartEvent):
            if len(self._running) >= MOST_RUNNING:
                self._running.clear()
            self._running[event.id] = (event, time.monotonic())
        elif isinstance(event, FinishEvent) and event.id in self._running:
            start, _ = self._running.pop(event.id)
            self._by_status[str(getattr(event, "status", None) or "?")] += 1
            seconds = max(0.0, event.time - start.time)
            self._by_latency[bisect_left(BOUNDS, seconds)] += 1
            self._seconds += seconds

    def state(self) -> Server:
        """Take the events that have come, and return the state of things."""
        for _ in range(MOST_AT_ONCE):
            if not self._client.dispatch(0):
                break
        now, numbers = time.monotonic(), list(accumulate(self._by_latency))
        return {
            "requests_total": dict(self._by_status),
            "latency": {
                "count": numbers[-1],
                "sum": self._seconds,
                "buckets": list(zip(BOUNDS, numbers, strict=True)),
            },
            "in_flight": [
                {
                    "method": getattr(event, "method", "?"),
                    "uri": getattr(event, "uri", "?"),
                    "age": now - since,
                    "thread": None,
                }
                for event, since in self._running.values()
            ],
        }

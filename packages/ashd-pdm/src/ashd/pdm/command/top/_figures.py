"""Rates, shares and quantiles, from one look to the next. Used by one thread."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..._records import Latency, Server
    from ._look import Look

KEPT = 300
"""Looks that the small curves reach back, on the widest of screens."""

WINDOW = 10
"""Looks over which latencies are counted together: one alone may have few requests."""

Buckets = dict[float, float]
"""Numbers of requests by upper bound of their latency; not cumulative."""


@dataclass(slots=True)
class Figures:
    """Of one process, or of all. None: not known. Memory is in bytes, CPU is a share of one core,
    `requests` and `codes` are numbers a second.
    """

    pid: int | None = None
    cpu: float = 0.0
    memory: int | None = None
    threads: int = 0
    descriptors: int | None = None
    requests: float | None = None
    total: int = 0
    in_flight: int = 0
    codes: dict[str, float] = field(default_factory=dict)
    p50: float | None = None
    p99: float | None = None


@dataclass(slots=True)
class History:
    """What is known after the last look. `curves` are for all processes together."""

    latest: Look | None = None
    workers: dict[str, Figures] = field(default_factory=dict)
    total: Figures = field(default_factory=Figures)
    curves: dict[str, deque[float]] = field(default_factory=dict)
    _latencies: dict[str, deque[Buckets]] = field(default_factory=dict)

    def add(self, look: Look) -> None:
        """Take another look in."""
        before, self.latest = self.latest, look
        self.workers = {name: self._figures(name, look, before) for name in look.processes}
        for worker in set(self._latencies).difference(look.processes):
            del self._latencies[worker]
        self.total = _sum(list(self.workers.values()))
        every = [buckets for kept in self._latencies.values() for buckets in kept]
        self.total.p50, self.total.p99 = quantile(every, 0.5), quantile(every, 0.99)
        noted = {"memory": float(self.total.memory or 0)}
        if before is not None:
            noted |= {"cpu": self.total.cpu, "requests": self.total.requests or 0.0}
        for name, value in noted.items():
            self.curves.setdefault(name, deque(maxlen=KEPT)).append(value)

    def _figures(self, worker: str, look: Look, before: Look | None) -> Figures:
        process = look.processes[worker]
        old = before.processes.get(worker) if before else None
        if old is not None and old["pid"] != process["pid"]:
            old = None
        seconds = max(look.time - before.time, 1e-9) if before else math.inf
        figures = Figures(
            pid=process["pid"],
            cpu=max(0.0, process["cputime"] - (old["cputime"] if old else 0.0)) / seconds,
            memory=process["rss"],
            threads=process["threads"],
            descriptors=process["fds"],
        )
        server = (look.servers or {}).get(worker)
        if server is not None:
            earlier = (before.servers or {}).get(worker) if before and old else None
            self._requests(worker, figures, server, earlier, seconds)
        return figures

    def _requests(
        self, worker: str, figures: Figures, now: Server, then: Server | None, seconds: float
    ) -> None:
        totals, earlier = now.get("requests_total", {}), (then or {}).get("requests_total", {})
        figures.codes = {
            str(code): max(0, number - earlier.get(code, 0)) / seconds
            for code, number in totals.items()
        }
        figures.requests = sum(figures.codes.values())
        figures.total = sum(totals.values())
        figures.in_flight = len(now.get("in_flight", []))
        kept = self._latencies.setdefault(worker, deque(maxlen=WINDOW))
        if seconds < math.inf:
            new, old = _apart(now.get("latency")), _apart((then or {}).get("latency"))
            kept.append({bound: max(0.0, new[bound] - old.get(bound, 0.0)) for bound in new})
        figures.p50, figures.p99 = quantile(kept, 0.5), quantile(kept, 0.99)


def _sum(every: list[Figures]) -> Figures:
    memory = [one.memory for one in every if one.memory is not None]
    descriptors = [one.descriptors for one in every if one.descriptors is not None]
    requests = [one.requests for one in every if one.requests is not None]
    names = sorted({code for one in every for code in one.codes})
    return Figures(
        cpu=sum(one.cpu for one in every),
        memory=sum(memory) if memory else None,
        threads=sum(one.threads for one in every),
        descriptors=sum(descriptors) if descriptors else None,
        requests=sum(requests) if requests else None,
        total=sum(one.total for one in every),
        in_flight=sum(one.in_flight for one in every),
        codes={code: sum(one.codes.get(code, 0.0) for one in every) for code in names},
    )


def _apart(latency: Latency | None) -> Buckets:
    found: Buckets = {}
    before = 0
    for bound, number in latency["buckets"] if latency else []:
        found[float(bound)], before = number - before, number
    return found


def quantile(kept: Iterable[Buckets], share: float) -> float | None:
    """Return the latency that `share` of the requests stayed below, estimated inside its bucket;
    None without requests. Infinite when it is beyond the last bound.
    """
    numbers: Counter[float] = Counter()
    for buckets in kept:
        numbers.update(buckets)
    wanted, lower = share * sum(numbers.values()), 0.0
    if not wanted:
        return None
    for bound, number in sorted(numbers.items()):
        if number and wanted <= number:
            return bound if math.isinf(bound) else lower + (bound - lower) * wanted / number
        wanted -= number
        lower = bound
    return lower

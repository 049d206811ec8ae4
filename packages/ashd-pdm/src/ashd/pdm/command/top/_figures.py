"""Rates, shares and quantiles, from one look to the next. Used by one thread."""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

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
    """Of one process, or of all. None: not known."""

    pid: int | None = None
    cpu: float = 0.0
    """Share of one core."""
    memory: float | None = None
    threads: int = 0
    descriptors: int | None = None
    requests: float | None = None
    """Each second."""
    total: int = 0
    in_flight: int = 0
    codes: dict[str, float] = field(default_factory=dict)
    """Responses each second, by status code."""
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
        seconds = max(look.time - before.time, 1e-9) if before else math.inf
        self.workers = {
            worker: self._figures(worker, look, before, seconds) for worker in look.processes
        }
        for worker in set(self._latencies).difference(look.processes):
            del self._latencies[worker]
        self.total = _sum(self.workers.values())
        every = [buckets for kept in self._latencies.values() for buckets in kept]
        self.total.p50, self.total.p99 = quantile(every, 0.5), quantile(every, 0.99)
        if before is not None:
            self._note("cpu", self.total.cpu)
            self._note("requests", self.total.requests or 0.0)
        self._note("memory", self.total.memory or 0.0)
        self._note("in_flight", self.total.in_flight)

    def _note(self, name: str, value: float) -> None:
        self.curves.setdefault(name, deque(maxlen=KEPT)).append(value)

    def _figures(self, worker: str, look: Look, before: Look | None, seconds: float) -> Figures:
        process = look.processes[worker]
        old = before.processes.get(worker) if before else None
        same = old is not None and old["pid"] == process["pid"]
        figures = Figures(
            pid=process["pid"],
            cpu=max(0.0, process["cputime"] - (old["cputime"] if old and same else 0.0)) / seconds,
            memory=process["rss"],
            threads=process["threads"],
            descriptors=process["fds"],
        )
        if look.servers is not None and worker in look.servers:
            earlier = (before.servers or {}).get(worker) if before and same else None
            self._requests(worker, figures, look.servers[worker], earlier, seconds)
        return figures

    def _requests(
        self,
        worker: str,
        figures: Figures,
        server: Server,
        earlier: Server | None,
        seconds: float,
    ) -> None:
        now = server.get("requests_total", {})
        then = (earlier or {}).get("requests_total", {})
        figures.codes = {
            str(code): max(0, number - then.get(code, 0)) / seconds for code, number in now.items()
        }
        figures.requests = sum(figures.codes.values())
        figures.total = sum(now.values())
        figures.in_flight = len(server.get("in_flight", []))
        kept = self._latencies.setdefault(worker, deque(maxlen=WINDOW))
        if seconds < math.inf:
            kept.append(_difference(server.get("latency"), (earlier or {}).get("latency")))
        figures.p50, figures.p99 = quantile(kept, 0.5), quantile(kept, 0.99)


def _sum(all_figures: Iterable[Figures]) -> Figures:
    total = Figures()
    codes: Counter[str] = Counter()
    for figures in all_figures:
        total.cpu += figures.cpu
        total.memory = _plus(total.memory, figures.memory)
        total.threads += figures.threads
        total.descriptors = _plus(total.descriptors, figures.descriptors)
        total.requests = _plus(total.requests, figures.requests)
        total.total += figures.total
        total.in_flight += figures.in_flight
        for code, rate in figures.codes.items():
            codes[code] += rate  # type: ignore[assignment]  # floats add as well
    total.codes = dict(sorted(codes.items()))
    return total


def _plus(one: Any, other: Any) -> Any:
    return one if other is None else other if one is None else one + other


def _difference(now: Latency | None, then: Latency | None) -> Buckets:
    """Requests by latency between two looks."""
    new, old = _apart(now), _apart(then)
    return {bound: max(0.0, number - old.get(bound, 0.0)) for bound, number in new.items()}


def _apart(latency: Latency | None) -> Buckets:
    found, before = {}, 0.0
    for bound, number in latency["buckets"] if latency else []:
        found[float(bound)], before = number - before, number
    return found


def quantile(kept: Iterable[Buckets], share: float) -> float | None:
    """Return the latency that `share` of the requests stayed below, estimated inside its bucket;
    None without requests. Infinite when it is beyond the last bound.
    """
    numbers: Counter[float] = Counter()
    for buckets in kept:
        for bound, number in buckets.items():
            numbers[bound] += number  # type: ignore[assignment]  # floats add as well
    wanted, lower = share * sum(numbers.values()), 0.0
    if not wanted:
        return None
    for bound, number in sorted(numbers.items()):
        if number and wanted <= number:
            return bound if math.isinf(bound) else lower + (bound - lower) * wanted / number
        wanted -= number
        lower = bound
    return lower

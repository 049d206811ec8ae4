"""Rates, shares and quantiles, from one look to the next. Used by one thread."""

from __future__ import annotations

import math
from collections import Counter, defaultdict, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TypeVar

from ..._records import Server
from ._look import Look

K = TypeVar("K")

KEPT = 300
"""Looks that the small curves reach back, on the widest of screens."""

WINDOW = 10
"""Looks over which latencies are counted together: one alone may have few requests."""

Buckets = Mapping[float, float]
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


class History:
    """What is known after the last look. `curves` are for all processes together."""

    latest: Look

    def __init__(self) -> None:
        self.workers: dict[str, Figures] = {}
        self.total = Figures()
        self.curves: dict[str, deque[float]] = defaultdict(lambda: deque(maxlen=KEPT))
        self._looks: deque[Look] = deque(maxlen=WINDOW + 1)

    def add(self, look: Look) -> None:
        """Take another look in."""
        self.latest = look
        self._looks.append(look)
        self.workers = {name: figures([name], self._looks) for name in look.processes}
        self.total = figures(list(look.processes), self._looks)
        self.curves["memory"].append(float(self.total.memory or 0))
        if len(self._looks) > 1:
            self.curves["cpu"].append(self.total.cpu)
            self.curves["requests"].append(self.total.requests or 0.0)


def figures(workers: list[str], looks: Sequence[Look]) -> Figures:
    """Add processes up: rates since the look before the last one, latencies since the first."""
    first, before, now = looks[0], looks[max(0, len(looks) - 2)], looks[-1]
    seconds = max(now.time - before.time, 1e-9) if len(looks) > 1 else math.inf
    processes = [now.processes[name] for name in workers]
    servers = [now.servers[name] for name in workers if name in now.servers]
    cpu, codes, latencies = 0.0, Counter[str](), Counter[float]()
    for name in workers:
        (cputime, server), (used, earlier) = _used(now, name, now), _used(before, name, now)
        cpu += max(0.0, cputime - used)
        codes.update(_grown(_codes(server), _codes(earlier)))
        latencies.update(_grown(_latency(server), _latency(_used(first, name, now)[1])))
    return Figures(
        pid=processes[0]["pid"] if processes else None,
        cpu=cpu / seconds,
        memory=_sum(process["rss"] for process in processes),
        threads=sum(process["threads"] for process in processes),
        descriptors=_sum(process["fds"] for process in processes),
        requests=codes.total() / seconds if servers else None,
        total=sum(sum(_codes(server).values()) for server in servers),
        in_flight=sum(len(server.get("in_flight", [])) for server in servers),
        codes={code: number / seconds for code, number in sorted(codes.items())},
        p50=quantile(latencies, 0.5),
        p99=quantile(latencies, 0.99),
    )


def _used(look: Look, worker: str, now: Look) -> tuple[float, Server]:
    """Return the CPU time and the numbers of a process at some look: none before it began."""
    process = look.processes.get(worker)
    if process is None or process["pid"] != now.processes[worker]["pid"]:
        return 0.0, {}
    return process["cputime"], look.servers.get(worker, {})


def _sum(numbers: Iterable[int | None]) -> int | None:
    known = [number for number in numbers if number is not None]
    return sum(known) if known else None


def _codes(server: Server) -> dict[str, int]:
    return {str(code): number for code, number in server.get("requests_total", {}).items()}


def _latency(server: Server) -> Buckets:
    latency = server.get("latency")
    buckets = [(0.0, 0), *latency["buckets"]] if latency else []
    return {float(bound): number - before for (_, before), (bound, number) in pairwise(buckets)}


def _grown(now: Mapping[K, float], then: Mapping[K, float]) -> dict[K, float]:
    return {key: max(0, number - then.get(key, 0)) for key, number in now.items()}


def quantile(numbers: Buckets, share: float) -> float | None:
    """Return the latency that `share` of the requests stayed below, estimated inside its bucket;
    None without requests. Infinite when it is beyond the last bound.
    """
    wanted, lower = share * sum(numbers.values()), 0.0
    if not wanted:
        return None
    for bound, number in sorted(numbers.items()):
        if number and wanted <= number and math.isfinite(bound):
            return min(bound, lower + (bound - lower) * wanted / number)
        wanted, lower = wanted - number, bound
    return lower

"""Asks the daemon for its figures and makes metrics of them. Used in one thread at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ..._records import Garbage, Process, Server
from .._connection import call, find, find_if_any, full_path, read, short_path
from ._families import Family, metric_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ..._records import Latency
    from ...cli import PerfClient, Proxy


def collect(client: PerfClient, attributes: Sequence[str] = ()) -> list[Family]:
    """Return all metrics of the daemon, and those of the attributes that were asked for."""
    families = [
        *_process(read(find(client, "process"), Process)),
        *_collector(call(find(client, "heap"), Garbage, "garbage")),
    ]
    server = find_if_any(client, "ashd.perf.server")
    if server is not None:
        families += _requests(read(server, Server))
    else:
        families += _statistics(find_if_any(client, "ashd.perf.statistics/req"))
    for name in attributes:
        families += _attribute(find(client, name), name)
    return families


def _process(processes: dict[str, Process]) -> list[Family]:
    cpu = Family("process_cpu_seconds_total", "counter", "CPU time, user and system, in seconds.")
    memory = Family("process_resident_memory_bytes", "gauge", "Resident memory, in bytes.")
    most = Family("process_resident_memory_max_bytes", "gauge", "Largest resident memory so far.")
    descriptors = Family("process_open_fds", "gauge", "Open file descriptors.")
    threads = Family("python_threads", "gauge", "Threads that Python knows of.")
    started = Family("process_start_time_seconds", "gauge", "When the debug library was loaded.")
    info = Family("python_info", "gauge", "The Python that the daemon runs on.")
    for worker, found in processes.items():
        label = {"worker": worker}
        cpu.add(found["cputime"], label)
        memory.add(found["rss"], label)
        most.add(found.get("maxrss"), label)
        descriptors.add(found["fds"], label)
        threads.add(found["threads"], label)
        started.add(round(found["time"] - found["realtime"], 3), label)
        info.add(1, {**label, "version": found["python"], "pid": str(found["pid"])})
    return [cpu, memory, most, descriptors, threads, started, info]


def _collector(processes: dict[str, Garbage]) -> list[Family]:
    start = "python_gc"
    runs = Family(f"{start}_collections_total", "counter", "Runs of the garbage collector.")
    freed = Family(f"{start}_objects_collected_total", "counter", "Objects that it has collected.")
    kept = Family(
        f"{start}_objects_uncollectable_total", "counter", "Objects that it could not collect."
    )
    for worker, found in processes.items():
        for generation, numbers in enumerate(found["stats"]):
            label = {"worker": worker, "generation": str(generation)}
            runs.add(numbers["collections"], label)
            freed.add(numbers["collected"], label)
            kept.add(numbers["uncollectable"], label)
    return [runs, freed, kept]


def _total() -> Family:
    return Family("ashd_requests_total", "counter", "Responses by status code.")


def _requests(processes: dict[str, Server]) -> list[Family]:
    total = _total()
    running = Family("ashd_requests_in_flight", "gauge", "Requests that are being served.")
    oldest = Family("ashd_request_oldest_seconds", "gauge", "Age of the oldest of these requests.")
    latency = Family("ashd_request_duration_seconds", "histogram", "How long requests took.")
    for worker, found in processes.items():
        label = {"worker": worker}
        for code, number in found.get("requests_total", {}).items():
            total.add(number, {**label, "code": str(code)})
        in_flight = found.get("in_flight", [])
        running.add(len(in_flight), label)
        oldest.add(max((one["age"] for one in in_flight), default=0.0), label)
        _histogram(latency, found.get("latency"), label)
    return [total, running, oldest, latency]


def _histogram(family: Family, found: Latency | None, label: dict[str, str]) -> None:
    if found is None:
        return
    for bound, number in found["buckets"]:
        if math.isfinite(bound):
            family.add(number, {**label, "le": repr(float(bound))}, "_bucket")
    family.add(found["count"], {**label, "le": "+Inf"}, "_bucket")
    family.add(found["sum"], label, "_sum")
    family.add(found["count"], label, "_count")


def _statistics(proxy: Proxy | None) -> Iterator[Family]:
    """What daemons have that only count responses."""
    if proxy is not None:
        family = _total()
        for code, number in proxy.readattr().items():
            family.add(number, {"code": str(code)})
        yield family


def _attribute(proxy: Proxy, name: str) -> Iterator[Family]:
    """Numbers, and dicts of numbers, of an attribute; of a directory, those of all in it."""
    protocols = proxy.pdm_protocols()
    if "attr" in protocols:
        meaning = proxy.attrinfo().desc or name
        family = Family(metric_name(short_path(full_path(name))), "untyped", meaning)
        value = proxy.readattr()
        for key, number in value.items() if isinstance(value, dict) else [("", value)]:
            if isinstance(number, int | float):
                family.add(number, {"key": str(key)})
        yield family
    elif "dir" in protocols:
        for inner in proxy.listdir():
            with proxy.lookup(inner) as found:
                yield from _attribute(found, f"{name}/{inner}")

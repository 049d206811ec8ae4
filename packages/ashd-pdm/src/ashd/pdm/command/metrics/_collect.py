"""Asks the daemon for its figures and makes metrics of them. Used in one thread at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from .._connection import by_worker, find, find_if_any, full_path, short_path
from ._families import Family, metric_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ...cli import PerfClient, Proxy

Processes = dict[str, Any]
"""What each process says, by worker."""

_PROCESS = (
    # name, kind, meaning, key
    ("process_cpu_seconds_total", "counter", "CPU time, user and system, in seconds.", "cputime"),
    ("process_resident_memory_bytes", "gauge", "Resident memory, in bytes.", "rss"),
    ("process_resident_memory_max_bytes", "gauge", "Largest resident memory so far.", "maxrss"),
    ("process_open_fds", "gauge", "Open file descriptors.", "fds"),
    ("python_threads", "gauge", "Threads that Python knows of.", "threads"),
)
_GENERATIONS = (
    ("python_gc_collections_total", "Runs of the garbage collector.", "collections"),
    ("python_gc_objects_collected_total", "Objects that it has collected.", "collected"),
    (
        "python_gc_objects_uncollectable_total",
        "Objects that it found and could not collect.",
        "uncollectable",
    ),
)


def collect(client: PerfClient, attributes: Sequence[str] = ()) -> list[Family]:
    """Return all metrics of the daemon, and those of the attributes that were asked for."""
    families = list(_process(by_worker(client, find(client, "process").readattr())))
    families += _collector(by_worker(client, find(client, "heap").invoke("garbage")))
    server = find_if_any(client, "ashd.perf.server")
    if server is not None:
        families += _requests(by_worker(client, server.readattr()))
    else:
        families += _statistics(find_if_any(client, "ashd.perf.statistics/req"))
    for name in attributes:
        families += _attribute(find(client, name), name)
    return families


def _process(processes: Processes) -> Iterator[Family]:
    for name, kind, meaning, key in _PROCESS:
        family = Family(name, kind, meaning)
        for worker, found in processes.items():
            if found.get(key) is not None:
                family.add(found[key], {"worker": worker})
        yield family
    started = Family(
        "process_start_time_seconds", "gauge", "When the debug library was loaded, about."
    )
    info = Family("python_info", "gauge", "The Python that the daemon runs on.")
    for worker, found in processes.items():
        started.add(round(found["time"] - found["realtime"], 3), {"worker": worker})
        info.add(1, {"worker": worker, "version": found["python"], "pid": str(found["pid"])})
    yield started
    yield info


def _collector(processes: Processes) -> Iterator[Family]:
    for name, meaning, key in _GENERATIONS:
        family = Family(name, "counter", meaning)
        for worker, found in processes.items():
            for generation, numbers in enumerate(found["stats"]):
                family.add(numbers[key], {"worker": worker, "generation": str(generation)})
        yield family


def _requests(processes: Processes) -> Iterator[Family]:
    total = Family("ashd_requests_total", "counter", "Responses by status code.")
    running = Family("ashd_requests_in_flight", "gauge", "Requests that are being served.")
    oldest = Family(
        "ashd_request_oldest_seconds", "gauge", "Age of the request that has run longest."
    )
    latency = Family("ashd_request_duration_seconds", "histogram", "How long requests took.")
    for worker, found in processes.items():
        for code, number in found.get("requests_total", {}).items():
            total.add(number, {"worker": worker, "code": str(code)})
        in_flight = found.get("in_flight", [])
        running.add(len(in_flight), {"worker": worker})
        oldest.add(max((one["age"] for one in in_flight), default=0.0), {"worker": worker})
        _histogram(latency, found.get("latency"), worker)
    yield from (total, running, oldest, latency)


def _histogram(family: Family, found: dict[str, Any] | None, worker: str) -> None:
    if found is None:
        return
    for bound, number in found["buckets"]:
        if math.isfinite(bound):
            family.add(number, {"worker": worker, "le": repr(float(bound))}, "_bucket")
    family.add(found["count"], {"worker": worker, "le": "+Inf"}, "_bucket")
    family.add(found["sum"], {"worker": worker}, "_sum")
    family.add(found["count"], {"worker": worker}, "_count")


def _statistics(proxy: Proxy | None) -> Iterator[Family]:
    """What daemons have that only count responses."""
    if proxy is not None:
        family = Family("ashd_requests_total", "counter", "Responses by status code.")
        for code, number in proxy.readattr().items():
            family.add(number, {"code": str(code)})
        yield family


def _attribute(proxy: Proxy, name: str) -> Iterator[Family]:
    """Numbers, and dicts of numbers, of an attribute; of a directory, those of all in it."""
    protocols = proxy.pdm_protocols()
    if "attr" in protocols:
        family = Family(
            metric_name(short_path(full_path(name))), "untyped", proxy.attrinfo().desc or name
        )
        _add_value(family, proxy.readattr())
        yield family
    elif "dir" in protocols:
        for inner in proxy.listdir():
            with proxy.lookup(inner) as found:
                yield from _attribute(found, f"{name}/{inner}")


def _add_value(family: Family, value: Any) -> None:
    if isinstance(value, int | float):
        family.add(float(value))
    elif isinstance(value, dict):
        for key, number in value.items():
            if isinstance(number, int | float):
                family.add(float(number), {"key": str(key)})

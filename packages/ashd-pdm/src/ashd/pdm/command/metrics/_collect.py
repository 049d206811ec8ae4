"""Asks the daemon for its figures and makes metrics of them. Used in one thread at a time."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from ..._records import Garbage, Process, Server
from ...cli import PerfClient, Proxy
from .._connection import call, find, find_if_any, full_path, read, short_path
from .._text import clean_lines

METRICS = {
    "process_cpu_seconds_total": ("counter", "CPU time, user and system, in seconds."),
    "process_resident_memory_bytes": ("gauge", "Resident memory, in bytes."),
    "process_resident_memory_max_bytes": ("gauge", "Largest resident memory so far."),
    "process_open_fds": ("gauge", "Open file descriptors."),
    "python_threads": ("gauge", "Threads that Python knows of."),
    "process_start_time_seconds": ("gauge", "When the debug library was loaded."),
    "python_info": ("gauge", "The Python that the daemon runs on."),
    "python_gc_collections_total": ("counter", "Runs of the garbage collector."),
    "python_gc_objects_collected_total": ("counter", "Objects that it has collected."),
    "python_gc_objects_uncollectable_total": ("counter", "Objects that it could not collect."),
    "ashd_requests_total": ("counter", "Responses by status code."),
    "ashd_requests_in_flight": ("gauge", "Requests that are being served."),
    "ashd_streams": ("gauge", "Clients' byte streams that applications have taken over."),
    "ashd_request_oldest_seconds": ("gauge", "Age of the oldest of these requests."),
    "ashd_request_duration_seconds": ("histogram", "How long requests took."),
}

Labels = dict[str, str]
Sample = tuple[str, float | None, Labels]
"""The name of a metric, with the suffix of a histogram's; its value, if it is known; labels."""


@dataclass(slots=True)
class Family:
    """A metric: its samples are (name with its suffix, labels, value)."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, Labels, float]] = field(default_factory=list)

    def add(self, value: float | None, labels: Labels | None = None, name: str = "") -> None:
        """Add a sample, if there is a value. Empty labels are left out, as Prometheus does itself;
        control characters in them become escapes.
        """
        if value is not None:
            kept = {key: clean_lines(text) for key, text in (labels or {}).items() if text}
            self.samples.append((name or self.name, kept, float(value)))

    def lines(self) -> Iterator[str]:
        """Yield a line for each sample."""
        for name, labels, value in self.samples:
            pairs = ",".join(f'{key}="{_escape(text)}"' for key, text in labels.items())
            yield f"{name}{f'{{{pairs}}}' if pairs else ''} {value!r}\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def metric_name(text: str) -> str:
    """Return a valid name made of `text`."""
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", text).strip("_")
    return name if name and not name[0].isdigit() else f"_{name}"


def collect(client: PerfClient, attributes: Sequence[str] = ()) -> list[Family]:
    """Return all metrics of the daemon, and those of the attributes that were asked for."""
    families = {name: Family(name, *about) for name, about in METRICS.items()}
    for worker, (name, value, labels) in _samples(client):
        family = families[name if name in families else name.rpartition("_")[0]]
        family.add(value, {"worker": worker, **labels}, name)
    others = [family for name in attributes for family in _attribute(find(client, name), name)]
    return [*families.values(), *others]


def _samples(client: PerfClient) -> Iterator[tuple[str, Sample]]:
    for worker, process in read(find(client, "process"), Process).items():
        yield from ((worker, sample) for sample in _process(process))
    for worker, garbage in call(find(client, "heap"), Garbage, "garbage").items():
        yield from ((worker, sample) for sample in _collector(garbage))
    server = find_if_any(client, "ashd.perf.server")
    if server is not None:
        for worker, requests in read(server, Server).items():
            yield from ((worker, sample) for sample in _requests(requests))
    elif (counts := find_if_any(client, "ashd.perf.statistics/req")) is not None:
        yield from (("", sample) for sample in _responses(counts.readattr()))


def _process(found: Process) -> Iterator[Sample]:
    yield "process_cpu_seconds_total", found["cputime"], {}
    yield "process_resident_memory_bytes", found["rss"], {}
    yield "process_resident_memory_max_bytes", found.get("maxrss"), {}
    yield "process_open_fds", found["fds"], {}
    yield "python_threads", found["threads"], {}
    yield "process_start_time_seconds", round(found["time"] - found["realtime"], 3), {}
    yield "python_info", 1, {"version": found["python"], "pid": str(found["pid"])}


def _collector(found: Garbage) -> Iterator[Sample]:
    for generation, numbers in enumerate(found["stats"]):
        label = {"generation": str(generation)}
        yield "python_gc_collections_total", numbers["collections"], label
        yield "python_gc_objects_collected_total", numbers["collected"], label
        yield "python_gc_objects_uncollectable_total", numbers["uncollectable"], label


def _responses(counts: dict[str, int]) -> Iterator[Sample]:
    for code, number in counts.items():
        yield "ashd_requests_total", number, {"code": str(code)}


def _requests(found: Server) -> Iterator[Sample]:
    yield from _responses(found.get("requests_total", {}))
    held, latency = found.get("in_flight", []), found.get("latency")
    in_flight = [one for one in held if not one.get("switched")]
    yield "ashd_requests_in_flight", len(in_flight), {}
    yield "ashd_streams", len(held) - len(in_flight), {}
    yield "ashd_request_oldest_seconds", max((one["age"] for one in in_flight), default=0.0), {}
    if latency is not None:
        for bound, number in latency["buckets"]:
            if math.isfinite(bound):
                yield "ashd_request_duration_seconds_bucket", number, {"le": repr(float(bound))}
        yield "ashd_request_duration_seconds_bucket", latency["count"], {"le": "+Inf"}
        yield "ashd_request_duration_seconds_sum", latency["sum"], {}
        yield "ashd_request_duration_seconds_count", latency["count"], {}


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

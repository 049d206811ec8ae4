"""What the built-in objects answer: dicts of plain data, as they travel. Times are in seconds,
sizes in bytes.
"""

from __future__ import annotations

from typing import Any, NotRequired, TypedDict


class ThreadRecord(TypedDict):
    """A thread with its stack, outermost frame first. `request` is what a finder says of it;
    `plumbing` is how many frames at the outer end are the server's own.
    """

    ident: int
    native_id: int | None
    name: str
    daemon: bool | None
    request: dict[str, Any] | None
    stack: list[list[Any]]
    plumbing: NotRequired[int]


class TypeRecord(TypedDict):
    """Objects of one type, or how many more there are."""

    type: str
    count: int
    size: int


class LineRecord(TypedDict):
    """Memory that one line allocated and that is still there."""

    file: str
    line: int
    size: int
    count: int


class GrowthRecord(TypedDict):
    """Memory that was allocated meanwhile; `traceback` has [file, line], outermost first."""

    size: int
    count: int
    traceback: list[list[Any]]


class TraceRecord(TypedDict):
    """What `heap.trace` found. `overhead` is what tracemalloc took; `left` is whether the client
    left before the end.
    """

    growth: list[GrowthRecord]
    seconds: float
    overhead: int
    left: bool


class CollectorRecord(TypedDict):
    """What the garbage collector does."""

    enabled: bool
    counts: list[int]
    thresholds: list[int]
    stats: list[dict[str, int]]
    uncollectable: int


class ProfileRecord(TypedDict):
    """Samples; see `ashd.pdm.perf.profile`."""

    stacks: dict[str, int]
    samples: int
    dropped: int
    seconds: float
    mode: NotRequired[str]
    rate: float
    cputime: float
    left: bool


class ProcessRecord(TypedDict):
    """All about a process at once."""

    pid: int
    ppid: int
    argv: list[str]
    python: str
    time: float
    realtime: float
    cputime: float
    utime: float
    stime: float
    rss: int | None
    maxrss: int
    threads: int
    fds: int | None

"""What daemons answer: the values of built-in objects, as far as the command looks at them.

They are promises of the daemon's, not checked: what isn't as promised ends in an error that says so
(`_failures.FAILURES`).
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

Stack = list[tuple[str, int, str, str]]
"""Frames, the innermost last: file, line, function, source."""


class Process(TypedDict):
    """`process`. Sizes in bytes, times in seconds; None where the system doesn't tell."""

    pid: int
    python: str
    time: float
    realtime: float
    cputime: float
    rss: int | None
    maxrss: NotRequired[int]
    threads: int
    fds: int | None


class Request(TypedDict, total=False):
    """A request that is being served; a finder of the daemon's own may say more."""

    method: str
    url: str
    uri: str
    age: float
    thread: int | None


class Thread(TypedDict):
    """One of `threads`."""

    ident: int
    native_id: NotRequired[int | None]
    name: str
    daemon: NotRequired[bool]
    request: Request | None
    stack: Stack


class Latency(TypedDict):
    """A histogram: `buckets` are upper bounds in seconds with cumulative numbers."""

    count: int
    sum: float
    buckets: list[tuple[float, int]]


class Server(TypedDict, total=False):
    """`ashd.perf.server`."""

    requests_total: dict[str, int]
    in_flight: list[Request]
    latency: Latency | None


class Generation(TypedDict):
    """A generation of the garbage collector."""

    collections: int
    collected: int
    uncollectable: int


class Garbage(TypedDict):
    """`heap.garbage`."""

    enabled: bool
    stats: list[Generation]
    uncollectable: int


class Profile(TypedDict):
    """`profile.run`: samples by stack, whose frames are joined by `;`."""

    stacks: dict[str, int]
    seconds: float
    rate: float
    dropped: int
    mode: NotRequired[str]

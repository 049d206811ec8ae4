"""What the built-in objects answer: dicts of plain data, as they travel.

For the command they are promises of the daemon's, not checked: what isn't as promised ends in an
error that says so (`command._failures.FAILURES`).
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

Stack = list[tuple[str, int, str, str]]
"""Frames, the innermost last: file, line, function, source."""


class Process(TypedDict):
    """`process`. Sizes in bytes, times in seconds; None where the system doesn't tell."""

    pid: int
    ppid: NotRequired[int]
    argv: NotRequired[list[str]]
    python: str
    time: float
    realtime: float
    cputime: float
    utime: NotRequired[float]
    stime: NotRequired[float]
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
    switched: bool


class Thread(TypedDict):
    """One of `threads`. `plumbing` is how many frames at the outer end are the server's own."""

    ident: int
    native_id: NotRequired[int | None]
    name: str
    daemon: NotRequired[bool | None]
    request: Request | None
    stack: Stack
    plumbing: NotRequired[int]


Headers = list[tuple[bytes, bytes]]


class RequestSummary(TypedDict):
    """A request of `ashd.perf.recorder` in a list: times in seconds, `time` since the epoch."""

    id: str
    time: float
    seconds: float
    method: bytes
    url: bytes
    status: bytes
    aborted: bool


class RecordedRequest(RequestSummary):
    """One of them with all that is known. `body` is None unless bodies were asked for; `whole` says
    whether that is all of the `received` bytes. `response` has the headers of the response.
    """

    version: bytes
    rest: bytes
    headers: Headers
    body: bytes | None
    received: int
    whole: bool
    response: Headers
    sent: int


class Recorder(TypedDict):
    """`ashd.perf.recorder`: how many requests it keeps (0: it is off), and the last ones."""

    recording: int
    requests: list[RequestSummary]


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
    counts: NotRequired[list[int]]
    thresholds: NotRequired[list[int]]
    stats: list[Generation]
    uncollectable: int


class Profile(TypedDict):
    """`profile.run`: samples by stack, whose frames are joined by `;`."""

    stacks: dict[str, int]
    samples: NotRequired[int]
    seconds: float
    rate: float
    dropped: int
    mode: NotRequired[str]
    cputime: NotRequired[float]
    left: NotRequired[bool]


class TypeSize(TypedDict):
    """Objects of one type, or how many more there are; the size in bytes."""

    type: str
    count: int
    size: int


class LineSize(TypedDict):
    """Memory that one line allocated and that is still there."""

    file: str
    line: int
    size: int
    count: int


class Growth(TypedDict):
    """Memory that was allocated meanwhile; `traceback` has (file, line), outermost first."""

    size: int
    count: int
    traceback: list[tuple[str, int]]


class Trace(TypedDict):
    """`heap.trace`. `overhead` is what tracemalloc took, in bytes."""

    growth: list[Growth]
    seconds: float
    overhead: int
    left: bool

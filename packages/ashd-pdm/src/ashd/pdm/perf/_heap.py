"""The built-in object `heap`: what memory is made of.

Counting all objects takes time in proportion to their number (about a second for five million), in
the thread of the server; other threads go on meanwhile, but for the moment in which the list of
objects is made.
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import tracemalloc
from collections import Counter
from typing import cast

from .._records import (
    Garbage,
    Generation,
    Growth,
    LineSize,
    Trace,
    TypeSize,
)
from ._call import wait_left
from ._objects import Functions

DEFAULT_LIMIT = 50
MAX_TRACE_FRAMES = 50
MAX_TRACE_SECONDS = 3600.0

TRACE_FRAMES = 15
"""Frames of a traceback that `trace` notes for each block of memory: each costs time and memory."""


class _Looks:
    """Remembers the last look, to tell what has grown since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for _last
        self._last: dict[str, tuple[int, int]] | None = None

    def growth(self, limit: int = DEFAULT_LIMIT) -> list[TypeSize] | None:
        """Return the types that have grown most since the last call of this, or None at the first
        one.
        """
        now = _by_type()
        with self._lock:
            last, self._last = self._last, now
        if last is None:
            return None
        grown = [_difference(name, now.get(name), last.get(name)) for name in {*now, *last}]
        grown = [entry for entry in grown if entry["count"] or entry["size"]]
        return sorted(grown, key=lambda entry: (-entry["size"], -entry["count"], entry["type"]))[
            :limit
        ]


def _by_type() -> dict[str, tuple[int, int]]:
    """Number and bytes of the objects that the collector knows, for each type."""
    counts: Counter[type] = Counter()
    sizes: Counter[type] = Counter()
    for obj in gc.get_objects():
        kind = type(obj)
        counts[kind] += 1
        sizes[kind] += _size(obj)
    found: dict[str, tuple[int, int]] = {}
    for kind, count in counts.items():
        name = _name(kind)
        before = found.get(name, (0, 0))
        found[name] = (before[0] + count, before[1] + sizes[kind])
    return found


def _size(obj: object) -> int:
    try:
        return sys.getsizeof(obj)
    except Exception:
        return 0


def _name(kind: type) -> str:
    module = kind.__module__
    bare = kind.__qualname__
    return str(bare) if module == "builtins" else f"{module}.{bare}"


def _difference(name: str, now: tuple[int, int] | None, then: tuple[int, int] | None) -> TypeSize:
    count, size = now or (0, 0)
    old_count, old_size = then or (0, 0)
    return {"type": name, "count": count - old_count, "size": size - old_size}


def types(limit: int = DEFAULT_LIMIT) -> list[TypeSize]:
    """Return the types that take most: `type`, `count`, `size` in bytes, of the objects themselves
    only.
    """
    found: list[TypeSize] = [
        {"type": name, "count": count, "size": size} for name, (count, size) in _by_type().items()
    ]
    return sorted(found, key=lambda entry: (-entry["size"], entry["type"]))[:limit]


def garbage() -> Garbage:
    """What the collector does: `enabled`, `counts`, `thresholds`, `stats`, `uncollectable`."""
    return {
        "enabled": gc.isenabled(),
        "counts": list(gc.get_count()),
        "thresholds": list(gc.get_threshold()),
        "stats": cast("list[Generation]", gc.get_stats()),
        "uncollectable": len(gc.garbage),
    }


def trace_start(frames: int = 1) -> None:
    """Turn tracemalloc on. It costs time and memory until `trace_stop`."""
    if not 1 <= frames <= MAX_TRACE_FRAMES:
        raise ValueError(f"frames must be from 1 to {MAX_TRACE_FRAMES}")
    tracemalloc.start(frames)


def trace_stop() -> None:
    """Turn tracemalloc off, and forget what it knows."""
    tracemalloc.stop()


def trace_top(limit: int = DEFAULT_LIMIT) -> list[LineSize] | None:
    """Return the lines that allocated most of what is alive, or None when tracemalloc is off."""
    if not tracemalloc.is_tracing():
        return None
    statistics = tracemalloc.take_snapshot().statistics("lineno")[:limit]
    return [
        {
            "file": entry.traceback[0].filename,
            "line": entry.traceback[0].lineno,
            "size": entry.size,
            "count": entry.count,
        }
        for entry in statistics
    ]


class _Tracing:
    """Turns tracemalloc on for as long as somebody traces, unless it is on already."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for _users and _started
        self._users = 0
        self._started = False

    def __enter__(self) -> None:
        with self._lock:
            self._users += 1
            if not tracemalloc.is_tracing():
                tracemalloc.start(TRACE_FRAMES)
                self._started = True

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._users -= 1
            if self._started and not self._users:
                tracemalloc.stop()
                self._started = False


_tracing = _Tracing()
_OURS = tuple(tracemalloc.Filter(False, file) for file in (tracemalloc.__file__, __file__))


def trace(seconds: float = 10.0, limit: int = DEFAULT_LIMIT) -> Trace:
    """Trace every allocation for `seconds`, and return what was allocated meanwhile and is still
    there: also memory that `growth` can't see, as of `bytes`, `bytearray` and texts.

    tracemalloc is turned on for that time, which makes allocations up to 15 times slower and takes
    memory for each block; it ends when the client leaves. Returns `growth` (a list, largest first,
    of dicts with `size` in bytes, `count` of blocks, and `traceback`: a list of (file, line),
    outermost first), `seconds` that it took, `overhead` (bytes that tracemalloc itself took), and
    `left` (whether the client left before the end).
    """
    if not 0 < seconds <= MAX_TRACE_SECONDS:
        raise ValueError(f"seconds must be more than 0 and at most {MAX_TRACE_SECONDS:g}")
    begun = time.monotonic()
    with _tracing:
        before = tracemalloc.take_snapshot()
        left = wait_left(seconds)
        overhead = tracemalloc.get_tracemalloc_memory()
        now = None if left else tracemalloc.take_snapshot()
    grown = [] if now is None else _growth(before, now)
    return {
        "growth": grown[:limit],
        "seconds": time.monotonic() - begun,
        "overhead": overhead,
        "left": left,
    }


def _growth(before: tracemalloc.Snapshot, now: tracemalloc.Snapshot) -> list[Growth]:
    differences = now.filter_traces(_OURS).compare_to(before.filter_traces(_OURS), "traceback")
    found: list[Growth] = [
        {
            "size": entry.size_diff,
            "count": entry.count_diff,
            "traceback": [(frame.filename, frame.lineno) for frame in entry.traceback],
        }
        for entry in differences
        if entry.size_diff > 0
    ]
    return sorted(found, key=lambda entry: -entry["size"])


heap = Functions(
    types=types,
    growth=_Looks().growth,
    garbage=garbage,
    trace=trace,
    trace_start=trace_start,
    trace_stop=trace_stop,
    trace_top=trace_top,
)

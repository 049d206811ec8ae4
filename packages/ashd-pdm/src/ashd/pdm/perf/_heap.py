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

from .._records import Garbage, Generation, Growth, LineSize, Trace, TypeSize
from ._call import MAX_SECONDS, between, wait_left
from ._objects import Functions

DEFAULT_LIMIT = 50
MAX_TRACE_FRAMES = 50

TRACE_FRAMES = 15
"""Frames of a traceback that `trace` notes for each block of memory: each costs time and memory."""

_Tally = tuple[Counter[str], Counter[str]]
"""Number and bytes of the objects of each type."""

_lock = threading.Lock()  # for all that follows
_last: _Tally | None = None
_tracers = 0
_started = False


def _tally() -> _Tally:
    """Count the objects that the collector knows."""
    counts: Counter[type] = Counter()
    sizes: Counter[type] = Counter()
    for obj in gc.get_objects():
        kind = type(obj)
        counts[kind] += 1
        try:
            sizes[kind] += sys.getsizeof(obj)
        except Exception:  # its own method failed
            pass
    found: _Tally = (Counter(), Counter())
    for kind in counts:
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        for sums, numbers in zip(found, (counts, sizes), strict=True):
            sums[f"{module}{kind.__qualname__}"] += numbers[kind]
    return found


def _largest(counts: Counter[str], sizes: Counter[str], limit: int) -> list[TypeSize]:
    found: list[TypeSize] = [
        {"type": name, "count": count, "size": sizes[name]}
        for name, count in counts.items()
        if count or sizes[name]
    ]
    return sorted(found, key=lambda entry: (-entry["size"], -entry["count"], entry["type"]))[:limit]


def types(limit: int = DEFAULT_LIMIT) -> list[TypeSize]:
    """Return the types that take most, and the bytes of the objects themselves only."""
    return _largest(*_tally(), limit)


def growth(limit: int = DEFAULT_LIMIT) -> list[TypeSize] | None:
    """Return the types that have grown most since the last call; None at the first one."""
    global _last
    now = _tally()
    grown = (Counter(now[0]), Counter(now[1]))
    with _lock:
        last, _last = _last, now
    if last is None:
        return None
    for numbers, before in zip(grown, last, strict=True):
        numbers.subtract(before)
    return _largest(*grown, limit)


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
    return [
        {
            "file": entry.traceback[0].filename,
            "line": entry.traceback[0].lineno,
            "size": entry.size,
            "count": entry.count,
        }
        for entry in tracemalloc.take_snapshot().statistics("lineno")[:limit]
    ]


def _trace_for_one_more(more: int) -> None:
    """Turn tracemalloc on for as long as somebody traces, unless it is on already."""
    global _tracers, _started  # noqa: PLW0603
    with _lock:
        _tracers += more
        if _tracers and not tracemalloc.is_tracing():
            tracemalloc.start(TRACE_FRAMES)
            _started = True
        elif _started and not _tracers:
            tracemalloc.stop()
            _started = False


def trace(seconds: float = 10.0, limit: int = DEFAULT_LIMIT) -> Trace:
    """Trace every allocation for `seconds`, and return what was allocated meanwhile and is still
    there: also memory that `growth` can't see, as of `bytes`, `bytearray` and texts.

    tracemalloc is turned on for that time, which makes allocations up to 15 times slower and takes
    memory for each block; it ends when the client leaves. Returns `growth` (a list, largest first,
    of dicts with `size` in bytes, `count` of blocks, and `traceback`: a list of (file, line),
    outermost first), `seconds` that it took, `overhead` (bytes that tracemalloc itself took), and
    `left` (whether the client left before the end).
    """
    between("seconds", seconds, MAX_SECONDS)
    begun = time.monotonic()
    _trace_for_one_more(1)
    try:
        before = tracemalloc.take_snapshot()
        left = wait_left(seconds)
        overhead = tracemalloc.get_tracemalloc_memory()
        now = None if left else tracemalloc.take_snapshot()
    finally:
        _trace_for_one_more(-1)
    return {
        "growth": [] if now is None else _growth(before, now)[:limit],
        "seconds": time.monotonic() - begun,
        "overhead": overhead,
        "left": left,
    }


_OURS = tuple(tracemalloc.Filter(False, file) for file in (tracemalloc.__file__, __file__))


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


heap: Functions = Functions(
    types=types,
    growth=growth,
    garbage=garbage,
    trace=trace,
    trace_start=trace_start,
    trace_stop=trace_stop,
    trace_top=trace_top,
)

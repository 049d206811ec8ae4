"""The built-in object `heap`: what memory is made of.

Counting all objects takes time in proportion to their number (about a second for five million), in
the thread of the server; other threads go on meanwhile, but for the moment in which the list of
objects is made.
"""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from collections import Counter
from typing import Any

from ashd.pdm.perf._objects import Functions

DEFAULT_LIMIT = 50
MAX_TRACE_FRAMES = 50


class _Looks:
    """Remembers the last look, to tell what has grown since."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for _last
        self._last: dict[str, tuple[int, int]] | None = None

    def growth(self, limit: int = DEFAULT_LIMIT) -> list[dict[str, Any]] | None:
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


def _difference(
    name: str, now: tuple[int, int] | None, then: tuple[int, int] | None
) -> dict[str, Any]:
    count, size = now or (0, 0)
    old_count, old_size = then or (0, 0)
    return {"type": name, "count": count - old_count, "size": size - old_size}


def types(limit: int = DEFAULT_LIMIT) -> list[dict[str, Any]]:
    """Return the types that take most: `type`, `count`, `size` in bytes, of the objects themselves
    only.
    """
    found = [
        {"type": name, "count": count, "size": size} for name, (count, size) in _by_type().items()
    ]
    return sorted(found, key=lambda entry: (-int(str(entry["size"])), str(entry["type"])))[:limit]


def garbage() -> dict[str, Any]:
    """What the collector does: `enabled`, `counts`, `thresholds`, `stats`, `uncollectable`."""
    return {
        "enabled": gc.isenabled(),
        "counts": list(gc.get_count()),
        "thresholds": list(gc.get_threshold()),
        "stats": gc.get_stats(),
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


def trace_top(limit: int = DEFAULT_LIMIT) -> list[dict[str, Any]] | None:
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


heap = Functions(
    types=types,
    growth=_Looks().growth,
    garbage=garbage,
    trace_start=trace_start,
    trace_stop=trace_stop,
    trace_top=trace_top,
)

"""How many threads want a processor, as the system sees it."""

from __future__ import annotations

import os
from collections.abc import Iterable


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def count_awake(tids: Iterable[int]) -> int:
    """Return how many of these threads run or could; none where the system doesn't tell."""
    return sum(map(_is_awake, tids))


def _is_awake(tid: int) -> bool:
    try:
        fd = os.open(f"/proc/self/task/{tid}/stat", os.O_RDONLY)
    except OSError:
        return False
    try:
        return b") R " in os.read(fd, 64)  # number, name (of 15 bytes at most), state
    except OSError:
        return False
    finally:
        os.close(fd)

"""How many threads want a processor, as the system sees it."""

from __future__ import annotations

import os
from contextlib import suppress


def processors() -> int:
    """Return how many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def is_awake(tid: int) -> bool:
    """Tell whether a thread runs or could; False if it is gone, or the system doesn't tell."""
    with suppress(OSError):
        fd = os.open(f"/proc/self/task/{tid}/stat", os.O_RDONLY)
        try:
            return b") R " in os.read(fd, 64)  # number, name (of 15 bytes at most), state
        finally:
            os.close(fd)
    return False

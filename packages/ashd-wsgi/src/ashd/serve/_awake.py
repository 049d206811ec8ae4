"""How threads share the processors, as the system sees it."""

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


def interrupt_nobody() -> None:
    """Have whoever wakes the calling thread go on first, if it is on the same processor.

    What hands over several requests then does so in one go. If the thread already has another
    policy than the system's default, it keeps that.
    """
    if hasattr(os, "SCHED_BATCH") and os.sched_getscheduler(0) == os.SCHED_OTHER:
        with suppress(OSError):  # a sandbox may forbid it
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))

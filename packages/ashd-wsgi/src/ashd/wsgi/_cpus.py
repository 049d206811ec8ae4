"""How many processors this process may use: of those of the machine, what it was given."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath


def usable_cpus(system: Path = Path("/")) -> int:
    """Return how many processors the affinity and the control groups leave to this process.

    Part of a processor counts as a whole one. `system` is where `/proc` and `/sys` are.
    """
    shares = [math.ceil(share) for share in _group_shares(system)]
    return max(1, min([len(os.sched_getaffinity(0)), *shares]))


def _group_shares(system: Path) -> Iterator[float]:
    """Yield the bounds of the control groups that the process is in, and of those around them."""
    for line in _read(system / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        path = PurePosixPath(group.lstrip("/"))
        for folder in (path, *path.parents):
            if not controllers:  # version 2
                quota, period = _numbers(_read(system / "sys/fs/cgroup" / folder / "cpu.max"))
            elif "cpu" in controllers.split(","):
                place = system / "sys/fs/cgroup" / controllers / folder
                times = (_read(place / f"cpu.cfs_{name}_us") for name in ("quota", "period"))
                quota, period = _numbers(" ".join(times))
            else:
                continue
            if quota > 0 and period > 0:
                yield quota / period


def _numbers(text: str) -> tuple[int, int]:
    """Return quota and period; zeros where there is no bound (`max`, -1, no file)."""
    try:
        quota, period = map(int, text.split())
    except ValueError:
        return 0, 0
    return quota, period


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""

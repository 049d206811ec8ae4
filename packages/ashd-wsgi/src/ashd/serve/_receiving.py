"""Which way threads receive: by turns with an interpreter lock, each by itself without one."""

from __future__ import annotations

from ._interface import ParallelSource, Source
from ._interpreter import has_interpreter_lock
from ._leader import Work


def serve_in_parallel(
    source: Source,
    work: Work,
    maximum: int | None,
    timeout: float | None,
    *,
    idle: float,
    name: str,
) -> bool:
    """Serve by threads that receive by themselves; False if interpreter or source forbid it."""
    if has_interpreter_lock() or not isinstance(source, ParallelSource):
        return False
    from ._parallel import ParallelThreads

    ParallelThreads(work, maximum, timeout, idle, name).serve(source)
    return True

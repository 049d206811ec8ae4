"""Which thread holds which task: for tracebacks, time limits and whoever looks in from outside.

The table is written by the threads of a model, each its own key, and read by anybody through
`snapshot`. Single operations on a dict are atomic with the interpreter lock and without it; no
operation here relies on two of them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import get_ident

from ._interface import Task, Work


@dataclass(frozen=True, slots=True)
class Held:
    """A task, the thread that runs it, and since how many seconds it does."""

    ident: int
    task: Work
    age: float


class Running:
    """The tasks that threads are running now."""

    __slots__ = ("_table",)

    def __init__(self) -> None:
        self._table: dict[int, tuple[Work, float]] = {}

    def run(self, task: Task) -> None:
        """Run a task, visible in the table meanwhile."""
        ident = get_ident()
        self._table[ident] = (task, time.monotonic())
        task.run()
        del self._table[ident]

    def enter(self, task: Work) -> None:
        """Note that this thread holds `task` from now on."""
        self._table[get_ident()] = (task, time.monotonic())

    def leave(self) -> None:
        """Note that this thread holds no task any more."""
        del self._table[get_ident()]

    def __len__(self) -> int:
        return len(self._table)

    def snapshot(self) -> list[Held]:
        """Return the tasks that are running, those that run longest first."""
        now = time.monotonic()
        held = [
            Held(ident, task, now - since) for ident, (task, since) in self._table.copy().items()
        ]
        return sorted(held, key=lambda each: -each.age)


running = Running()
"""The one table of this process."""

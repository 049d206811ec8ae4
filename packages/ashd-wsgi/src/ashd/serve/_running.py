"""Which thread holds which task: for tracebacks, time limits and whoever looks in from outside.

The table is written by the threads of a model, each its own key, and read by anybody through
`snapshot`. Single operations on a dict are atomic with the interpreter lock and without it; no
operation here relies on two of them.
"""

from __future__ import annotations

import logging
import os
import sys
import time
from collections.abc import Callable
from threading import get_ident
from typing import NamedTuple, NoReturn, ParamSpec, TypeVar

from ._board import Place
from ._interface import Task, Work

logger = logging.getLogger("ashd.serve")

P = ParamSpec("P")
T = TypeVar("T")


class Held(NamedTuple):
    """A task, the thread that runs it, and since how many seconds it does."""

    ident: int
    task: Work
    age: float


class Running:
    """The tasks that threads are running now.

    Attributes:
        place: where other workers see whether there are any, or None.
    """

    __slots__ = ("_table", "place")

    def __init__(self) -> None:
        self._table: dict[int, tuple[Work, float]] = {}
        self.place: Place | None = None

    def run(self, task: Task) -> None:
        """Run a task, visible in the table meanwhile. What it raises ends nothing but itself."""
        ident = self.enter(task)
        try:
            task.run()
        except BaseException:
            _complain(task)
        finally:
            self._leave(ident)

    def hold(
        self, work: Work, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """Call a function of `work` as `run` does; return what it returns, None if it raises."""
        ident = self.enter(work)
        try:
            return function(*args, **kwargs)
        except BaseException:
            _complain(work)
            return None
        finally:
            self._leave(ident)

    def enter(self, work: Work) -> int:
        """Make `work` visible as what this thread runs; `run` or `hold` has to follow."""
        ident = get_ident()
        self._table[ident] = (work, time.monotonic())
        if self.place is not None and self.place.waiting:
            self.place.note(self._table)
        return ident

    def _leave(self, ident: int) -> None:
        if self._table.pop(ident, None) is None:
            _end_forked_process()
        if self.place is not None and self.place.waiting:
            self.place.note(self._table)

    def __len__(self) -> int:
        return len(self._table)

    def snapshot(self) -> list[Held]:
        """Return the tasks that are running, those that run longest first."""
        now = time.monotonic()
        held = [
            Held(ident, task, now - since) for ident, (task, since) in self._table.copy().items()
        ]
        return sorted(held, key=lambda each: -each.age)

    def abandon(self) -> None:
        """Forget all tasks, in a process that was forked: they are served by the one it is from."""
        for work, _ in self._table.values():
            work.abandon()
        self._table.clear()


def _complain(work: Work) -> None:
    logger.exception("%s: tasks and streams must not raise; this one is given up", work.describe())


def _end_forked_process() -> NoReturn:
    """End a process that the application has forked and let run out of the request."""
    logger.error(
        "a process that the application has forked came back to the server and is ended; "
        "let it end by os._exit()"
    )
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(1)


running = Running()
"""The one table of this process."""

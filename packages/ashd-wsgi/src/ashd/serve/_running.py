"""Which thread holds which task: for tracebacks, time limits and whoever looks in from outside.

Each thread of a model has a slot that it alone writes, and the table is the slots together: nobody
waits for anybody, and without an interpreter lock two threads touch no object in common. Single
operations on a dict are atomic with the lock and without it; no operation here relies on two.
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


class Slot:
    """What one thread runs now. Only that thread uses it, but for `held`, which others may read.

    Attributes:
        held: the work and since when it runs, on the monotonic clock; None if there is none.
        detached: the last work that was detached here. Any thread may set it, by `detach`.
        on_detach: called then, to let another thread take the place of this one; None does nothing.
    """

    __slots__ = ("_ident", "_place", "_table", "detached", "held", "on_detach")

    def __init__(self, table: dict[int, Slot], place: Place | None) -> None:
        """Make the calling thread's slot visible in `table` until `close`."""
        self._table = table
        self._place = place
        self._ident = get_ident()
        self.held: tuple[Work, float] | None = None
        self.detached: Work | None = None
        self.on_detach: Callable[[], object] | None = None
        table[self._ident] = self

    def run(self, task: Task) -> None:
        """Run a task, visible in the table meanwhile. What it raises ends nothing but itself."""
        self.enter(task)
        try:
            task.run()
        except BaseException:
            _complain(task)
        finally:
            self._leave()

    def hold(
        self, work: Work, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs
    ) -> T | None:
        """Call a function of `work` as `run` does; return what it returns, None if it raises."""
        self.enter(work)
        try:
            return function(*args, **kwargs)
        except BaseException:
            _complain(work)
            return None
        finally:
            self._leave()

    def enter(self, work: Work) -> None:
        """Make `work` visible as what this thread runs; `run` or `hold` has to follow."""
        self.held = (work, time.monotonic())
        if self._place is not None and self._place.waiting:
            self._place.note(running)

    def _leave(self) -> None:
        if self.held is None:
            _end_forked_process()
        self.held = None
        if self._place is not None and self._place.waiting:
            self._place.note(running)

    def detach(self, work: Work) -> None:
        """Let the work that this thread runs, `work`, count no longer; see `Running.detach`."""
        self.detached = work
        if self._place is not None:
            self._place.note(running)
        if self.on_detach is not None:
            self.on_detach()

    @property
    def counts(self) -> bool:
        """Whether the thread has work that isn't detached."""
        held = self.held
        return held is not None and held[0] is not self.detached

    def close(self) -> None:
        """Take the slot out of the table: its thread serves no more."""
        self._table.pop(self._ident, None)


class Running:
    """The tasks that threads are running now.

    Attributes:
        place: where other workers see whether there are any, or None. It is for slots that are
            made later.
    """

    __slots__ = ("_slots", "place")

    def __init__(self) -> None:
        self._slots: dict[int, Slot] = {}
        self.place: Place | None = None

    def slot(self) -> Slot:
        """Make a slot for the calling thread, which closes it."""
        return Slot(self._slots, self.place)

    def run(self, task: Task) -> None:
        """Run one task as `Slot.run` does, in a thread that makes no slot for several."""
        slot = self.slot()
        try:
            slot.run(task)
        finally:
            slot.close()

    def current(self) -> Work | None:
        """Return what the calling thread runs, or None."""
        slot = self._slots.get(get_ident())
        return None if slot is None or slot.held is None else slot.held[0]

    def detach(self, work: Work) -> None:
        """Let `work` count no longer: it is a client's stream now, and may last for days.

        Its thread goes on with it, but counts neither towards the limit of the model nor as busy,
        and ends after it. To be called while the work is run, by any thread; not twice.
        """
        for slot in self._slots.copy().values():
            held = slot.held
            if held is not None and held[0] is work:
                slot.detach(work)

    def __bool__(self) -> bool:
        """Whether any thread has work that isn't detached."""
        return any(slot.counts for slot in self._slots.copy().values())

    def snapshot(self) -> list[Held]:
        """Return the tasks that are running, those that run longest first."""
        now = time.monotonic()
        slots = ((ident, slot.held) for ident, slot in self._slots.copy().items())
        held = [Held(ident, each[0], now - each[1]) for ident, each in slots if each is not None]
        return sorted(held, key=lambda each: -each.age)

    def abandon(self) -> None:
        """Forget all tasks, in a process that was forked: they are served by the one it is from."""
        for slot in self._slots.values():
            held, slot.held = slot.held, None
            if held is not None:
                held[0].abandon()
        self._slots.clear()


def _complain(work: Work) -> None:
    text = "%s: tasks and streams must not raise; this one is given up"
    try:
        logger.exception(text, work.describe())
    except BaseException:  # filters and handlers of the application run there, too
        os.write(2, f"{text % work.describe()}, and it can't be logged\n".encode())


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


running: Running = Running()
"""The one table of this process."""

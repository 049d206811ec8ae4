"""A model at work: it serves in a thread of its own, so that a check can tell that it hangs."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from threading import get_ident
from types import TracebackType

from .._interface import Model
from ._memory import MemorySource, MemoryTask

DEADLINE = 60.0
"""Seconds: far beyond what anything here takes, even on a busy machine."""

_PAUSE = 0.002

Factory = Callable[[], Model]


class Serving:
    """Runs a model for the length of a block, and stops it at the end of the block."""

    def __init__(self, factory: Factory) -> None:
        """Make a model by `factory`."""
        self.model: Model = factory()
        self.source: MemorySource = MemorySource()
        self.ident: int | None = None
        """The thread that serves."""
        self._error: BaseException | None = None
        self._before = threads()
        self._thread = threading.Thread(target=self._serve, name="serve", daemon=True)

    def _serve(self) -> None:
        self.ident = get_ident()
        try:
            self.model.serve(self.source)
        except BaseException as error:
            self._error = error

    def __enter__(self) -> Serving:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is None:
            self.source.stop()
            self.join()
        else:
            self.source.end()

    def put(self, *works: Callable[[], object]) -> list[MemoryTask]:
        """Give a task for each of `works` to the source."""
        tasks = [MemoryTask(work) for work in works]
        for task in tasks:
            self.source.put(task)
        return tasks

    def returned(self) -> bool:
        """Tell whether `serve` has returned."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for `serve` to return, and see that all is as it should be then."""
        self._thread.join(DEADLINE)
        assert self.returned(), "serve() does not return"
        if self._error is not None:
            raise AssertionError(f"serve() raised {self._error!r}") from self._error
        self.check_what_is_left()

    def error(self) -> BaseException | None:
        """Wait for `serve` to return, and return what it raised."""
        self._thread.join(DEADLINE)
        assert self.returned(), "serve() does not return"
        return self._error

    def check_what_is_left(self) -> None:
        """Check that everything that was received was run to its end, and no thread is left."""
        assert self.source.complaint is None, self.source.complaint
        for task in self.source.received:
            assert task.runs == 1, f"a task that was received ran {task.runs} times"
            assert task.finished.is_set(), "serve() returned before a task had finished"
        eventually(lambda: not threads() - self._before, "the model's threads to end")


def threads() -> set[int]:
    """Return the threads that run Python code, those without a `threading.Thread` too."""
    return set(sys._current_frames())


def eventually(condition: Callable[[], object], what: str) -> None:
    """Wait until `condition()` is true; AssertionError if that doesn't happen."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE:g} s in vain for {what}"
        time.sleep(_PAUSE)


def expect(event: threading.Event, what: str) -> None:
    """Wait for an event; AssertionError if it doesn't happen."""
    assert event.wait(DEADLINE), f"waited {DEADLINE:g} s in vain for {what}"


def expect_finished(tasks: list[MemoryTask], what: str = "a task to finish") -> None:
    """Wait until all tasks have finished."""
    for task in tasks:
        expect(task.finished, what)

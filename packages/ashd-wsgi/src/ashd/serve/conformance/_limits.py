"""Checks for models with a limit on threads, or with threads that live on between tasks."""

from __future__ import annotations

import threading
from functools import partial

from .._running import running
from ._harness import DEADLINE, Factory, Serving, eventually, expect, expect_finished, threads

_ROUNDS = 5

_LULL = 100
"""Quick tasks after which a model may have chosen ways that suit quick tasks."""

_OWN = 2
"""Threads that a model may have beside those that run tasks: the one that serves, and one more."""

_CHANCE = 0.05
"""Seconds that a model gets to do what it must not do."""


class _Gauge:
    """Counts how many are inside, and how many there were at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()  # guards all below
        self._now = 0
        self.most = 0

    def enter(self) -> None:
        with self._lock:
            self._now += 1
            self.most = max(self.most, self._now)

    def leave(self) -> None:
        with self._lock:
            self._now -= 1


def check_limit(factory: Factory, maximum: int) -> None:
    """Check that never more than `maximum` tasks run, nor are received while they do.

    Those that were detached don't count.
    """
    _check_that_saturated_models_do_not_receive(factory, maximum)
    _check_limit_under_load(factory, maximum)
    _check_stop_when_saturated(factory, maximum)
    _check_that_detached_tasks_do_not_count(factory, maximum)


def _check_that_saturated_models_do_not_receive(factory: Factory, maximum: int) -> None:
    with Serving(factory) as serving:
        for _ in range(_ROUNDS):
            _saturate(serving, maximum)


def _saturate(serving: Serving, maximum: int) -> None:
    source, gate = serving.source, threading.Event()
    limit = len(source.received) + maximum
    tasks = serving.put(*[partial(gate.wait, DEADLINE)] * (3 * maximum))
    for task in tasks[:maximum]:
        expect(task.started, f"{maximum} tasks to run at the same time")
    more = source.wait_for(lambda: len(source.received) > limit, _CHANCE)
    assert not more, f"more than {maximum} tasks were received while {maximum} ran"
    gate.set()
    expect_finished(tasks)


def _check_limit_under_load(factory: Factory, maximum: int) -> None:
    gauge = _Gauge()
    pause = threading.Event()  # never set

    def work() -> None:
        gauge.enter()
        pause.wait(0.0005)
        gauge.leave()

    with Serving(factory) as serving:
        expect_finished(serving.put(*([work, lambda: None] * 300)))
    assert gauge.most <= maximum, f"{gauge.most} tasks ran at once, with a limit of {maximum}"


def _check_stop_when_saturated(factory: Factory, maximum: int) -> None:
    gate = threading.Event()
    with Serving(factory) as serving:
        tasks = serving.put(*[partial(gate.wait, DEADLINE)] * (2 * maximum))
        for task in tasks[:maximum]:
            expect(task.started, "the first tasks to start")
        serving.source.stop()
        gate.set()
        serving.join()
        assert not any(task.runs for task in tasks[maximum:]), "a task was received after stop()"


def _check_that_detached_tasks_do_not_count(factory: Factory, maximum: int) -> None:
    gate, before = threading.Event(), threads()

    def work() -> None:
        me = running.current()
        assert me is not None
        running.detach(me)
        gate.wait(DEADLINE)

    with Serving(factory) as serving:
        for count in (0, _LULL):
            expect_finished(serving.put(*[lambda: None] * count))
            detached = serving.put(*[work] * (maximum + 1))
            for task in detached:
                expect(task.started, "a task to start while others are detached")
            eventually(lambda: not running, "detached tasks not to count as running")
            _saturate(serving, maximum)
            gate.set()
            expect_finished(detached)
            eventually(lambda: len(threads() - before) <= maximum + _OWN, "their threads to end")
            _saturate(serving, maximum)
            gate.clear()
        detached = serving.put(work)
        expect(detached[0].started, "a task to start")
        serving.source.stop()
        serving._thread.join(_CHANCE)
        assert not serving.returned(), "serve() returned while a detached task ran"
        gate.set()


def check_idle_threads_end(factory: Factory) -> None:
    """Check that threads without work end, but for those that receive; the model goes on."""
    with Serving(factory) as serving:
        for _ in range(_ROUNDS):
            _grow_and_shrink(serving)


def _grow_and_shrink(serving: Serving) -> None:
    before, gate = threads(), threading.Event()
    blocking = serving.put(*[partial(gate.wait, DEADLINE)] * 4)
    for task in blocking:
        expect(task.started, "four tasks to run at the same time")
    gate.set()
    expect_finished(blocking)
    eventually(lambda: len(threads() - before) <= 1, "idle threads to end")
    expect_finished(serving.put(lambda: None), "a task after the threads have ended")

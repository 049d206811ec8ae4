"""All models keep the rules for models."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from ashd.serve import Free, Model, ModelError, ParallelSource, Pool, Rplex, Single, Source
from ashd.serve._parallel import ParallelThreads
from ashd.serve._running import Slot
from ashd.serve.conformance import (
    Check,
    Serving,
    StreamTask,
    check_idle_threads_end,
    check_limit,
    check_model,
    checks_for,
)

Factory = Callable[[], Model]


class Parallel:
    """Uses, on every interpreter, the threads that other models use without interpreter lock."""

    multithread = True
    multiplex = False

    def __init__(
        self, maximum: int | None = None, timeout: float | None = None, idle: float = 60.0
    ) -> None:
        self._threads = ParallelThreads(Slot.run, maximum, timeout, idle, "parallel")

    def serve(self, source: Source) -> None:
        assert isinstance(source, ParallelSource)
        self._threads.serve(source)


MODELS: dict[str, Factory] = {
    "free": Free,
    "free with max": lambda: Free(maximum=30),
    "free with timeout": lambda: Free(maximum=30, timeout=1000),
    "rplex": Rplex,
    "rplex with max": lambda: Rplex(maximum=30),
    "parallel": Parallel,
    "parallel with max and timeout": lambda: Parallel(maximum=30, timeout=1000),
    "parallel that hardly waits": lambda: Parallel(idle=0.0001),
    "single": Single,
    "pool": Pool,
    "pool that hardly waits": lambda: Pool(idle=0.0001),
    "pool with timeout": lambda: Pool(timeout=1000),
}

LIMITED: dict[str, Callable[[int], Model]] = {
    "free": Free,
    "free with timeout": lambda maximum: Free(maximum, timeout=1000),
    "rplex": Rplex,
    "parallel": Parallel,
    "parallel that hardly waits": lambda maximum: Parallel(maximum, idle=0.0001),
    "pool": Pool,
    "pool that hardly waits": lambda maximum: Pool(maximum, idle=0.0001),
    "pool with timeout": lambda maximum: Pool(maximum, timeout=1000),
}


@pytest.mark.parametrize(
    ("factory", "check"),
    [
        pytest.param(factory, check, id=f"{name}-{check.name}")
        for name, factory in MODELS.items()
        for check in checks_for(factory)
    ],
)
def test_rule(factory: Factory, check: Check) -> None:
    check(factory)


@pytest.mark.parametrize("maximum", [1, 2, 7])
@pytest.mark.parametrize("name", LIMITED)
def test_limit(name: str, maximum: int) -> None:
    check_limit(lambda: LIMITED[name](maximum), maximum)


@pytest.mark.parametrize("factory", [Pool, Parallel])
def test_idle_threads_end(factory: Callable[..., Model]) -> None:
    check_idle_threads_end(lambda: factory(idle=0.01))


def test_streams_do_not_count_towards_max() -> None:
    streams = [StreamTask() for _ in range(10)]
    with Serving(lambda: Rplex(maximum=1)) as serving:
        for stream in streams:
            serving.source.put(stream)
        for stream in streams:
            assert stream.started.wait(60)
        for stream in streams:
            assert stream.read_all(60) == stream.size


def test_free_threads_wait_for_nobody_unless_there_is_a_maximum() -> None:
    with pytest.raises(ModelError, match="timeout only together with max"):
        Free(timeout=1)


# Models that break a rule


class Stuttering(Single):
    """Runs every task twice."""

    def serve(self, source: Source) -> None:
        while (task := source.receive()) is not None:
            task.run()
            task.run()


class Failing(Single):
    """Raises at the end."""

    def serve(self, source: Source) -> None:
        super().serve(source)
        raise ZeroDivisionError


class Elsewhere(Single):
    """Runs tasks in another thread than it says."""

    def serve(self, source: Source) -> None:
        errors: list[BaseException] = []

        def serve() -> None:
            try:
                Single.serve(self, source)
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=serve)
        thread.start()
        thread.join()
        if errors:
            raise errors[0]


class Crowding(Single):
    """Lets a second thread receive beside the first."""

    def serve(self, source: Source) -> None:
        thread = threading.Thread(target=Single.serve, args=(self, source))
        thread.start()
        super().serve(source)
        thread.join()


class Sharing(Single):
    """Lets one thread receive by what another has received by."""

    def serve(self, source: Source) -> None:
        assert isinstance(source, ParallelSource)
        mine = source.for_thread()
        while (task := mine.receive(None)) is not None:
            task.run()
        thread = threading.Thread(target=mine.receive, args=(None,))
        thread.start()
        thread.join()


@pytest.mark.parametrize(
    ("model", "what"),
    [
        (Stuttering, "ran 2 times"),
        (Failing, "raised ZeroDivisionError"),
        (Elsewhere, "in another thread"),
        (Crowding, "two threads received at the same time"),
        (Sharing, "received by what belongs to another"),
    ],
)
def test_a_model_that_breaks_a_rule_is_told_which(model: Factory, what: str) -> None:
    with pytest.raises(AssertionError, match=what) as caught:
        check_model(model)
    assert any("in the check" in note for note in caught.value.__notes__)


def test_a_model_that_keeps_all_rules_is_not_told_of_any() -> None:
    check_model(Single)

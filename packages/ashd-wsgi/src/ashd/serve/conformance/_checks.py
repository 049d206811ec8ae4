"""What every model has to do: a function for each rule, and which models it is for."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from .._interface import Model
from ._harness import DEADLINE, Factory, Serving, eventually, expect, expect_finished
from ._memory import StreamTask

_BLOCKING = 4
"""Tasks that block while others have to go on."""

_LULL = 1000
"""Quick tasks after which a model may have chosen ways that suit quick tasks."""

_SENDERS = 4
_EACH = 250


def each_task_runs_once(factory: Factory) -> None:
    """Everything that senders in several threads give is run, and run once."""
    with Serving(factory) as serving:
        senders = [
            threading.Thread(target=serving.put, args=[lambda: None] * _EACH)
            for _ in range(_SENDERS)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        source = serving.source
        assert source.wait_for(lambda: len(source.received) == _SENDERS * _EACH, DEADLINE)
        expect_finished(source.received)
        assert len(set(map(id, source.received))) == _SENDERS * _EACH


def serve_returns_when_all_are_finished(factory: Factory) -> None:
    """While a task runs, neither `stop` nor end-of-file lets `serve` return."""
    for how in ("stop", "end"):
        gate = threading.Event()
        with Serving(factory) as serving:
            (task,) = serving.put(partial(gate.wait, DEADLINE))
            expect(task.started, "a task to start")
            getattr(serving.source, how)()
            serving._thread.join(0.05)
            assert not serving.returned(), f"serve() returned while a task ran, after {how}()"
            gate.set()
            serving.join()


def stop_when_idle(factory: Factory) -> None:
    """A model that never had anything to do stops, and so does one that has."""
    for count in (0, 1, _LULL):
        with Serving(factory) as serving:
            expect_finished(serving.put(*[lambda: None] * count))
            serving.source.stop()
            serving.join()


def stop_under_load(factory: Factory) -> None:
    """What was received when `stop` was called is finished; the rest is left alone."""
    with Serving(factory) as serving:
        tasks = serving.put(*[lambda: None] * _LULL)
        expect(tasks[_LULL // 10].finished, "some tasks to finish")
        serving.source.stop()
        tasks += serving.put(*[lambda: None] * 10)
        serving.join()
        received = set(map(id, serving.source.received))
        assert all(task.runs == (id(task) in received) for task in tasks)
        assert not any(task.runs for task in tasks[_LULL:]), "a task was run after stop()"


def end_of_file_under_load(factory: Factory) -> None:
    """At end-of-file, everything before it is run."""
    with Serving(factory) as serving:
        tasks = serving.put(*[lambda: None] * _LULL)
        serving.source.end()
        serving.join()
        assert all(task.runs == 1 for task in tasks)


def stop_with_streams(factory: Factory) -> None:
    """Responses that are being sent when `stop` is called are sent to their end."""
    streams = [StreamTask() for _ in range(20)]
    with Serving(factory) as serving:
        for stream in streams:
            serving.source.put(stream)
        expect(streams[0].started, "a stream to start")
        serving.source.stop()
        started = [stream for stream in streams if stream in serving.source.received]
        for stream in started:
            assert stream.read_all(DEADLINE) == stream.size, "a response was cut by stop()"
        serving.join()
    _close(streams)


def streams_do_not_wait_for_each_other(factory: Factory) -> None:
    """A client that doesn't read keeps nobody else from being served."""
    streams = [StreamTask() for _ in range(20)]
    with Serving(factory) as serving:
        for stream in streams:
            serving.source.put(stream)
        for stream in reversed(streams):
            assert stream.read_all(DEADLINE) == stream.size
        expect_finished(list(streams))


def a_client_may_leave(factory: Factory) -> None:
    """A stream whose client leaves ends, and the others go on."""
    streams = [StreamTask() for _ in range(10)]
    with Serving(factory) as serving:
        for number, stream in enumerate(streams):
            serving.source.put(stream)
            if number % 2:
                stream.client.close()
            else:
                assert stream.read_all(DEADLINE) == stream.size
        expect_finished(list(streams))


def a_failing_task_costs_nothing_else(factory: Factory) -> None:
    """A task that breaks its promise never to raise ends nothing but itself."""
    with Serving(factory) as serving:
        for _ in range(50):
            expect_finished(serving.put(_raise, _exit, lambda: None))
        expect_finished(serving.put(*[lambda: None] * 10))


def a_failing_stream_costs_nothing_else(factory: Factory) -> None:
    """A stream that breaks its promise never to raise ends nothing but itself."""
    bad, good = StreamTask(), StreamTask()
    with Serving(factory) as serving:
        bad.stream.fails = True
        bad.finished.set()
        serving.source.put(bad)
        serving.source.put(good)
        assert good.read_all(DEADLINE) == good.size
    bad.client.close()
    bad._server.close()


def a_failing_source_ends_it(factory: Factory) -> None:
    """What `receive` raises is raised by `serve`, after all tasks have finished."""
    gate = threading.Event()
    with Serving(factory) as serving:
        (task,) = serving.put(partial(gate.wait, DEADLINE))
        expect(task.started, "a task to start")
        serving.source.fail(ConnectionError("a source that fails"))
        gate.set()
        assert isinstance(serving.error(), ConnectionError), "serve() hid what receive() raised"
        serving.check_what_is_left()
        serving._error = None


def quick_tasks_pass_blocking_ones(factory: Factory) -> None:
    """A quick task isn't held up by others that block."""
    _pass_blocking(factory, 0, 1)


def quick_tasks_pass_after_a_lull(factory: Factory) -> None:
    """Nor is it when the model has seen nothing but quick ones for long."""
    _pass_blocking(factory, _LULL, 1)


def quick_tasks_pass_again_and_again(factory: Factory) -> None:
    """Nor when quick and blocking ones come in turns."""
    _pass_blocking(factory, 100, 20)


def _pass_blocking(factory: Factory, quick: int, rounds: int) -> None:
    with Serving(factory) as serving:
        for _ in range(rounds):
            gate = threading.Event()
            expect_finished(serving.put(*[lambda: None] * quick))
            blocking = serving.put(*[partial(gate.wait, DEADLINE)] * _BLOCKING)
            expect_finished(serving.put(lambda: None), "a quick task behind blocking ones")
            gate.set()
            expect_finished(blocking)


def a_late_task_is_not_forgotten(factory: Factory) -> None:
    """A task that comes while a model makes up its mind about an idle time is run."""
    with Serving(factory) as serving:
        for _ in range(20):
            expect_finished(serving.put(*[lambda: None] * 70))
            expect_finished(serving.put(lambda: None), "a task after a pause")


def one_task_at_a_time_where_it_serves(factory: Factory) -> None:
    """Without threads, every task runs in the thread that called `serve`, one after another."""
    with Serving(factory) as serving:
        tasks = serving.put(*[lambda: None] * 100)
        expect_finished(tasks)
        assert {task.ident for task in tasks} == {serving.ident}, "a task ran in another thread"


def _raise() -> None:
    raise ZeroDivisionError("a task that breaks its promise never to raise")


def _exit() -> None:
    raise SystemExit("a task that tries to end its thread")


def _close(streams: list[StreamTask]) -> None:
    for stream in streams:
        stream.client.close()
        stream._server.close()


def _every(_model: Model) -> bool:
    return True


def _multithread(model: Model) -> bool:
    return model.multithread


def _single_thread(model: Model) -> bool:
    return not model.multithread


def _multiplex(model: Model) -> bool:
    return model.multiplex


@dataclass(frozen=True, slots=True)
class Check:
    """A rule, and which models it is for."""

    function: Callable[[Factory], None]
    applies: Callable[[Model], bool] = _every

    @property
    def name(self) -> str:
        """The rule in a few words."""
        return self.function.__name__

    def __call__(self, factory: Factory) -> None:
        """Check a model that `factory` makes; AssertionError if it breaks the rule."""
        self.function(factory)


CHECKS = (
    Check(each_task_runs_once),
    Check(serve_returns_when_all_are_finished),
    Check(stop_when_idle),
    Check(stop_under_load),
    Check(end_of_file_under_load),
    Check(stop_with_streams),
    Check(streams_do_not_wait_for_each_other, _multithread),
    Check(a_client_may_leave),
    Check(a_failing_task_costs_nothing_else),
    Check(a_failing_stream_costs_nothing_else, _multiplex),
    Check(a_failing_source_ends_it),
    Check(quick_tasks_pass_blocking_ones, _multithread),
    Check(quick_tasks_pass_after_a_lull, _multithread),
    Check(quick_tasks_pass_again_and_again, _multithread),
    Check(a_late_task_is_not_forgotten),
    Check(one_task_at_a_time_where_it_serves, _single_thread),
)
"""Every rule for models. A model's own limit is checked by `check_limit`."""


def checks_for(factory: Factory) -> list[Check]:
    """Return the checks that are for the model that `factory` makes."""
    model = factory()
    return [check for check in CHECKS if check.applies(model)]


def check_model(factory: Factory) -> None:
    """Check everything that a model has to do, but for a limit; raises AssertionError."""
    for check in checks_for(factory):
        try:
            check(factory)
        except AssertionError as error:
            error.add_note(f"in the check {check.name}: {check.function.__doc__}")
            raise


__all__ = ["CHECKS", "Check", "check_model", "checks_for", "eventually"]

"""Threads that compute and threads that wait: without interpreter lock, models tell them apart."""

from __future__ import annotations

import hashlib
import threading
from functools import partial

import pytest

from ashd.serve import Free, Pool
from ashd.serve._awake import is_awake, processors
from ashd.serve._interpreter import has_interpreter_lock
from ashd.serve.conformance import DEADLINE, Serving
from ashdtest.processes import wait_until

BLOCKED = 8
BATCH = 40


def is_so(tid: int, awake: bool) -> bool:
    return is_awake(tid) is awake


def test_a_thread_that_computes_is_awake_and_one_that_waits_is_not() -> None:
    end = threading.Event()
    megabyte = bytes(1 << 20)

    def compute() -> None:
        while not end.is_set():
            hashlib.sha256(megabyte).digest()  # without interpreter lock

    for work, awake in ((compute, True), (partial(end.wait, DEADLINE), False)):
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        tid = thread.native_id
        assert tid is not None
        wait_until(partial(is_so, tid, awake))
        end.set()
        thread.join(DEADLINE)
        end.clear()


def test_a_thread_that_is_gone_is_not_awake() -> None:
    thread = threading.Thread(target=int)
    thread.start()
    thread.join()
    tid = thread.native_id
    assert tid is not None
    wait_until(partial(is_so, tid, False))


def compute_a_little() -> None:
    sum(range(30_000))


@pytest.mark.skipif(has_interpreter_lock(), reason="threads that wait for the lock are not awake")
@pytest.mark.parametrize("factory", [Free, Pool])
def test_as_many_compute_as_there_are_processors(factory: type[Free | Pool]) -> None:
    with Serving(factory) as serving:
        gate = threading.Event()
        blocked = serving.put(*[partial(gate.wait, DEADLINE)] * BLOCKED)
        for task in blocked:
            assert task.started.wait(DEADLINE)
        gate.set()

        def a_batch_takes_few_threads() -> bool:
            tasks = serving.put(*[compute_a_little] * BATCH)
            for task in tasks:
                assert task.finished.wait(DEADLINE)
            return len({task.ident for task in tasks}) <= processors()

        wait_until(a_batch_takes_few_threads, DEADLINE)

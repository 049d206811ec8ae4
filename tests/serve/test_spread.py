"""Which worker gets a request: one that is idle, and if there are several, each in its turn."""

from __future__ import annotations

import collections
import os
import signal
import threading
from pathlib import Path

import pytest

from ashdtest.handlers import Handler
from ashdtest.processes import descriptors, state, wait_until
from ashdtest.wsgiprograms import (
    PATIENCE,
    body_of,
    pipes,
    read_response,
    until,
    wait_at,
    workers,
    wsgi,
)

COUNT = 4
CLIENTS = 16
ROUNDS = 30

models_with_threads = pytest.mark.parametrize("model", ["free", "pool", "rplex"])


def pid_that_answers(handler: Handler) -> int:
    return int(handler.call(timeout=PATIENCE).body.split()[0])


def wait_until_so_many_answer(handler: Handler, count: int) -> set[int]:
    """Wait until requests one after another are answered by so many workers; return these."""

    def these() -> set[int]:
        pids = {pid_that_answers(handler) for _ in range(20)}
        return pids if len(pids) == count else set()

    return wait_until(these, PATIENCE, f"{count} workers to answer")


def wait_until_these_answer(handler: Handler, pids: set[int]) -> None:
    """Wait until requests one after another are answered by these workers and no others."""
    until(lambda: {pid_that_answers(handler) for _ in range(20)} == pids, f"{pids} to answer")


def worker_at(handler: Handler, folder: Path) -> int:
    """Return the worker that waits at a pipe in `folder`."""

    def found() -> list[int]:
        return [
            pid
            for pid in workers(handler)
            if any(name.startswith(str(folder)) for name in descriptors(pid).values())
        ]

    (pid,) = wait_until(found, PATIENCE, "a worker at the pipe")
    return pid


def thread_ids(pid: int) -> list[int]:
    return [int(path.name) for path in Path(f"/proc/{pid}/task").iterdir()]


@models_with_threads
def test_workers_that_have_requests_leave_new_ones_to_idle_ones(model: str, tmp_path: Path) -> None:
    (gate,) = pipes(tmp_path, 1)
    with wsgi("gate_app", "-t", model, "-w", str(COUNT)) as handler:
        everybody = wait_until_so_many_answer(handler, COUNT)
        (client,) = wait_at(handler, [gate])
        wait_until_these_answer(handler, everybody - {worker_at(handler, tmp_path)})
        gate.open()
        read_response(client)
        wait_until_these_answer(handler, everybody)


@models_with_threads
def test_requests_that_wait_are_spread_over_all(model: str, tmp_path: Path) -> None:
    (tmp_path / "waiting_app.py").write_text(
        "import os, threading\n"
        "def application(environ, start_response):\n"
        "    threading.Event().wait(0.005)\n"
        "    start_response('200 OK', [])\n"
        "    return [b'%d' % os.getpid()]\n"
    )
    counts: collections.Counter[int] = collections.Counter()
    lock = threading.Lock()  # guards `counts`

    def ask() -> None:
        for _ in range(ROUNDS):
            pid = pid_that_answers(handler)
            with lock:
                counts[pid] += 1

    with wsgi("waiting_app", "-t", model, "-w", str(COUNT), apps=tmp_path) as handler:
        wait_until_so_many_answer(handler, COUNT)
        clients = [threading.Thread(target=ask) for _ in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
    assert sum(counts.values()) == CLIENTS * ROUNDS
    # A busy machine may favour some workers; it must not starve one.
    assert min(counts.values()) > CLIENTS * ROUNDS / COUNT / 8, counts


def test_idle_workers_that_do_nothing_keep_no_request(tmp_path: Path) -> None:
    """One that has said that it is idle may be stopped, or killed before it takes a request."""
    (gate,) = pipes(tmp_path, 1)
    with wsgi("gate_app", "-t", "pool", "-w", "2") as handler:
        both = wait_until_so_many_answer(handler, 2)
        (client,) = wait_at(handler, [gate])
        (idle,) = both - {worker_at(handler, tmp_path)}
        wait_until_these_answer(handler, {idle})
        os.kill(idle, signal.SIGSTOP)
        until(lambda: all(state(thread) == "T" for thread in thread_ids(idle)), "it to stop")
        assert {pid_that_answers(handler) for _ in range(5)} == both - {idle}
        os.kill(idle, signal.SIGKILL)
        until(lambda: idle not in workers(handler), "the end of the stopped one")
        assert pid_that_answers(handler)
        gate.open()
        assert int(body_of(read_response(client))) in both - {idle}

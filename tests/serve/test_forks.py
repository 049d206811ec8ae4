"""Processes that the application forks: they have default signals, and nothing of the server's."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from ashd.proto import HandlerGoneError
from ashd.serve._interpreter import has_interpreter_lock
from ashdtest.processes import exists, state
from ashdtest.wsgiprograms import (
    MODEL_OPTIONS,
    PATIENCE,
    body_of,
    read_response,
    until,
    wait_for_log,
    wsgi,
)

CALLS = 60

all_models = pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)


@pytest.mark.untraceable
@all_models
def test_a_pool_of_processes_for_each_request(options: tuple[str, ...]) -> None:
    with wsgi("forking_app", *options) as handler:
        for _ in range(CALLS):
            assert handler.call(b"/pool", timeout=PATIENCE).body == b"[3, 2, 1]"


@pytest.mark.skipif(
    not has_interpreter_lock(),
    reason="CPython 3.13t forks while other threads hold locks of its objects, like sys.modules",
)
@pytest.mark.untraceable
@all_models
def test_pools_beside_each_other(options: tuple[str, ...]) -> None:
    with wsgi("forking_app", *options) as handler:
        clients = [handler.open(b"/pool") for _ in range(20)]
        assert {body_of(read_response(client)) for client in clients} == {b"[3, 2, 1]"}


@all_models
def test_a_child_has_nothing_of_ours(options: tuple[str, ...]) -> None:
    with wsgi("forking_app", *options) as handler:
        assert json.loads(handler.call(b"/child", timeout=PATIENCE).body) == {
            "handlers": [
                str(each) for each in (signal.SIG_DFL, signal.default_int_handler, signal.SIG_DFL)
            ],
            "blocked": [],
            "wakeup": -1,
            "descriptors": [],
        }


@all_models
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_the_child_and_nobody_else(
    options: tuple[str, ...], number: signal.Signals
) -> None:
    with wsgi("forking_app", *options) as handler:
        child = int(handler.call(b"/leave", timeout=PATIENCE).body)
        os.kill(child, number)
        until(lambda: not exists(child), "the child's end")
        assert handler.call(b"/pool", timeout=PATIENCE).body == b"[3, 2, 1]"
        assert "leaves" not in handler.log


@all_models
def test_a_child_that_lives_on_holds_neither_responses_nor_the_socket(
    options: tuple[str, ...],
) -> None:
    with wsgi("forking_app", *options) as handler:
        child = int(handler.call(b"/leave", timeout=PATIENCE).body)  # to the end of the response
        try:
            handler.process.terminate()
            assert handler.process.wait(PATIENCE) == 0
            with pytest.raises(HandlerGoneError):
                handler.open()
            assert state(child) == "S"
        finally:
            os.kill(child, signal.SIGKILL)


@pytest.mark.parametrize("model", ["free", "pool", "rplex"])
def test_a_child_holds_no_response_that_another_thread_sends(model: str) -> None:
    with wsgi("forking_app", "-t", model) as handler:
        client = handler.open(b"/download")
        begin = client.recv(1)
        child = int(handler.call(b"/leave", timeout=PATIENCE).body)
        try:
            assert len(body_of(begin + read_response(client))) == 8_000_000  # to its end
            assert exists(child)
        finally:
            os.kill(child, signal.SIGINT)
        until(lambda: not exists(child), "the child's end")


@all_models
@pytest.mark.parametrize("way", [b"/forget", b"/exit"])
def test_a_child_that_comes_back_is_ended_and_answers_nobody(
    options: tuple[str, ...], way: bytes
) -> None:
    with wsgi("forking_app", *options) as handler:
        child = int(handler.call(way, timeout=PATIENCE).body)
        assert child
        wait_for_log(handler, "came back to the server")
        until(lambda: state(child) in {"Z", ""}, "the child's end")
        assert handler.call(b"/pool", timeout=PATIENCE).body == b"[3, 2, 1]"


@pytest.mark.untraceable
@all_models
def test_a_pool_ends_with_a_request_that_hangs(options: tuple[str, ...], tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with wsgi("forking_app", *options, "--graceful-timeout", "0.2", status=1) as handler:
        with handler.open(b"/hang?" + os.fsencode(pipe)):
            children = list(map(int, pipe.read_text(encoding="ascii").split()))
            handler.process.terminate()
            assert handler.process.wait(PATIENCE) == 1
        assert len(children) == 2
        until(lambda: not any(map(exists, children)), "the pool's end")


REPLACES_ITS_CHILD = """
import multiprocessing, os, threading
context = multiprocessing.get_context("fork")
replaced = threading.Event()

def note(child):
    with open(os.environ["PIDS"], "a") as file:
        print(child.pid, file=file)

class Child(context.Process):
    def kill(self):
        super().kill()
        replaced.wait(1)  # more than the other thread takes, if it may

def keep_one():
    for count in range(2):
        child = Child(target=threading.Event().wait, args=[100], daemon=True)
        child.start()
        note(child)
        if count:
            replaced.set()
        child.join()

def application(environ, start_response):
    independent = context.Process(target=threading.Event().wait, args=[100])
    independent.start()
    note(independent)
    threading.Thread(target=keep_one, daemon=True).start()
    threading.Event().wait()
"""


def test_a_child_that_is_killed_at_the_end_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "replacing_app.py").write_text(REPLACES_ITS_CHILD)
    pids = tmp_path / "pids"
    options = ("--graceful-timeout", "0.2")
    env = os.environ | {"PIDS": str(pids)}
    replacing = wsgi("replacing_app", *options, apps=tmp_path, env=env, status=1)
    with replacing as handler, handler.open():
        until(lambda: pids.exists() and pids.read_text().count("\n") == 2, "two children")
        handler.process.terminate()
        assert handler.process.wait(PATIENCE) == 1
    independent, *children = map(int, pids.read_text(encoding="ascii").split())
    assert exists(independent)
    os.kill(independent, signal.SIGKILL)
    assert len(children) == 1
    until(lambda: not exists(children[0]), "the child's end")


def test_sockets_of_the_application_are_left_alone(tmp_path: Path) -> None:
    """Only what is ours is closed in a child."""
    (tmp_path / "keeping_app.py").write_text(
        "import os, socket\n"
        "one, other = socket.socketpair()\n"
        "def application(environ, start_response):\n"
        "    if not os.fork():\n"
        "        other.send(b'from the child')\n"
        "        os._exit(0)\n"
        "    start_response('200 OK', [])\n"
        "    return [one.recv(100)]\n"
    )
    with wsgi("keeping_app", apps=tmp_path) as handler:
        assert handler.call(timeout=PATIENCE).body == b"from the child"

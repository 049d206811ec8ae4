"""However a handler is stopped and whatever it does meanwhile: what it has received is answered."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from ashdtest.handlers import Handler
from ashdtest.processes import MODELS
from ashdtest.wsgiprograms import (
    APPS,
    MODEL_OPTIONS,
    PATIENCE,
    Pipe,
    body_of,
    read_response,
    until,
    wait_at,
    wait_for_log,
    workers,
    wsgi,
)

SIZE = 3_000_000


def send(number: signal.Signals) -> Callable[[Handler], None]:
    return lambda handler: handler.process.send_signal(number)


STOPS = {
    "SIGTERM": send(signal.SIGTERM),
    "SIGINT": send(signal.SIGINT),
    "end-of-file": lambda handler: handler.socket.close(),
}

all_stops = pytest.mark.parametrize("stop", STOPS.values(), ids=STOPS)
all_models = pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)


def check_answers(answers: list[bytes], whole: bytes, all_of_them: bool) -> None:
    """Requests are received in order, and each that was received is answered in full."""
    bodies = [body_of(answer) for answer in answers if answer]
    assert set(bodies) <= {whole}
    assert all(answers[: len(bodies)]), "a request that was received got no answer"
    if all_of_them:
        assert len(bodies) == len(answers)


@all_models
@all_stops
def test_stop_when_idle(options: tuple[str, ...], stop: Callable[[Handler], None]) -> None:
    with wsgi("hello_app", *options) as handler:
        handler.call(timeout=PATIENCE)
        stop(handler)
        assert handler.process.wait(PATIENCE) == 0


@all_models
@all_stops
def test_stop_under_load(options: tuple[str, ...], stop: Callable[[Handler], None]) -> None:
    with wsgi("slow_app", *options) as handler:
        handler.call(timeout=PATIENCE)
        sockets = [handler.open(b"/%d" % number) for number in range(100)]
        first = read_response(sockets.pop(0))
        stop(handler)
        answers = [first, *map(read_response, sockets)]
        assert handler.process.wait(PATIENCE) == 0
    check_answers(answers, b"whole", stop is STOPS["end-of-file"])


@all_models
@all_stops
def test_stop_while_streaming(options: tuple[str, ...], stop: Callable[[Handler], None]) -> None:
    with wsgi("stream_app", *options) as handler:
        handler.call(b"/?1", timeout=PATIENCE)
        sockets = [handler.open(b"/?%d" % SIZE) for _ in range(6)]
        begin = sockets[0].recv(10)
        stop(handler)
        answers = list(map(read_response, sockets))
        answers[0] = begin + answers[0]
        assert handler.process.wait(PATIENCE) == 0
    check_answers(answers, bytes(SIZE), stop is STOPS["end-of-file"])


@all_models
@all_stops
def test_graceful_timeout(
    options: tuple[str, ...], stop: Callable[[Handler], None], tmp_path: Path
) -> None:
    pipe = Pipe(tmp_path)
    with wsgi("gate_app", *options, "--graceful-timeout", "0.2", status=1) as handler:
        wait_at(handler, [pipe])[0].close()
        stop(handler)
        assert handler.process.wait(PATIENCE) == 1
        log = wait_for_log(handler, "requests are still running", "gate_app.py")
    assert f"in GET {os.fsdecode(pipe.url)}" in log


@pytest.mark.parametrize("options", [("-t", "single"), ("-t", "pool:max=1", "-w", "1")], ids=str)
def test_requests_that_nobody_will_receive_do_not_keep_it(
    options: tuple[str, ...], tmp_path: Path
) -> None:
    """All threads hang, others wait behind them, and the front end is gone."""
    pipe = Pipe(tmp_path)
    with wsgi("gate_app", *options, "--graceful-timeout", "0.2", status=1) as handler:
        wait_at(handler, [pipe])[0].close()
        waiting = [handler.open(pipe.url) for _ in range(2)]
        handler.socket.close()
        assert handler.process.wait(PATIENCE) == 1
        wait_for_log(handler, "requests are still running 0.2 s after end-of-file", "gate_app.py")
        for client in waiting:
            client.close()


@pytest.mark.parametrize("options", [(), ("-w", "1")], ids=" ".join)
def test_a_graceful_timeout_without_end(options: tuple[str, ...], tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    with wsgi("gate_app", *options, "--graceful-timeout", "1e9") as handler:
        (client,) = wait_at(handler, [pipe])
        pids = workers(handler)
        handler.process.terminate()
        wait_until_handled((pids or [handler.pid])[0])
        pipe.open()
        assert body_of(read_response(client))
        assert handler.process.wait(PATIENCE) == 0
    assert "Traceback" not in handler.log


HAS_A_SIGNAL_OF_ITS_OWN = """
import signal, threading
from gate_app import application as wait_at_gate
told = threading.Event()
signal.signal(signal.SIGUSR1, lambda *_: told.set())

def application(environ, start_response):
    body = wait_at_gate(environ, start_response)
    if environ["PATH_INFO"] == "/signal":  # to this thread: the main thread sleeps on
        told.clear()
        signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)
        told.wait()
    return body
"""


@pytest.mark.parametrize("model", MODELS)
def test_a_signal_of_the_application_arrives_and_ends_nothing(model: str, tmp_path: Path) -> None:
    (tmp_path / "signal_app.py").write_text(HAS_A_SIGNAL_OF_ITS_OWN)
    pipe = Pipe(tmp_path)
    with wsgi("signal_app", "-t", model, "-p", str(APPS), apps=tmp_path) as handler:
        for _ in range(2):
            assert body_of(read_response(handler.open(b"/signal")))
        client = handler.open(b"/signal" + pipe.url.removeprefix(b"/"))
        pipe.wait_for_arrival()
        handler.process.terminate()
        wait_until_handled(handler.pid)
        pipe.open()  # nothing differs while it ends
        assert body_of(read_response(client))
        assert handler.process.wait(PATIENCE) == 0


@all_models
def test_a_second_signal_ends_at_once(options: tuple[str, ...], tmp_path: Path) -> None:
    pipe = Pipe(tmp_path)
    with wsgi("gate_app", *options, status=None) as handler:
        (client,) = wait_at(handler, [pipe])
        pids = workers(handler)
        handler.process.terminate()
        wait_until_handled((pids or [handler.pid])[0])
        handler.process.terminate()
        assert handler.process.wait(PATIENCE) == (1 if pids else -signal.SIGTERM)
        assert read_response(client) == b""


@pytest.mark.parametrize("model", MODELS)
def test_a_hangup_finishes_what_runs_however_often_it_comes(model: str, tmp_path: Path) -> None:
    """The front end starts the handler again, so this is its way to load new code."""
    pipe = Pipe(tmp_path)
    with wsgi("gate_app", "-t", model) as handler:
        (client,) = wait_at(handler, [pipe])
        for _ in range(3):
            handler.process.send_signal(signal.SIGHUP)
        pipe.open()
        assert body_of(read_response(client))
        assert handler.process.wait(PATIENCE) == 0


def wait_until_handled(pid: int) -> None:
    """Wait until a process has seen its first signal: two that come together are one."""

    def caught() -> int:
        try:
            text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        except OSError:
            return 0
        (mask,) = (line.split()[1] for line in text.splitlines() if line.startswith("SigCgt:"))
        return int(mask, 16) >> (signal.SIGTERM - 1) & 1

    until(lambda: not caught(), "the first signal to be handled")


@all_models
def test_both_kinds_of_end_at_once(options: tuple[str, ...]) -> None:
    with wsgi("hello_app", *options, status=None) as handler:
        handler.call(timeout=PATIENCE)
        handler.socket.close()
        handler.process.terminate()
        # The signal may find the interpreter on its way out, where it ends the process itself.
        assert handler.process.wait(PATIENCE) in {0, -signal.SIGTERM}
        assert "Traceback" not in handler.log

"""Limits on a running ashd-wsgi: on threads, on waiting, on the time that a request takes."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from ashd.proto import QueueFullError
from ashdtest.handlers import open_request
from ashdtest.processes import MODELS
from ashdtest.wsgiprograms import (
    PATIENCE,
    body_of,
    pipes,
    read_response,
    until,
    wait_at,
    wait_for_log,
    workers,
    wsgi,
)

TIMEOUT = "0.3"
REQUEST_ID = (b"X-Ash-Request-ID", b"r-1")


@pytest.mark.parametrize("model", ["free:max=2", "pool:max=2", "single"])
def test_while_all_threads_are_busy_the_parent_finds_the_queue_full(
    model: str, tmp_path: Path
) -> None:
    busy = 1 if model == "single" else 2
    gates = pipes(tmp_path, busy)
    with wsgi("gate_app", "-t", model) as handler:
        clients = wait_at(handler, gates)
        queued = fill(handler.socket)
        assert len(queued) > 10
        for gate in gates:
            gate.open()
        assert all(map(body_of, map(read_response, [*clients, *queued])))


def fill(sock: socket.socket) -> list[socket.socket]:
    """Send requests until the handler's queue takes no more, as a front end would find it."""
    sock.setblocking(False)
    queued = []
    try:
        while True:
            queued.append(open_request(sock))
    except QueueFullError:
        sock.setblocking(True)
        return queued


@pytest.mark.parametrize("name", ["timeout", "abort"])
@pytest.mark.parametrize("model", ["free", "pool"])
def test_a_request_that_waits_too_long_for_a_thread_aborts(
    model: str, name: str, tmp_path: Path
) -> None:
    gates = pipes(tmp_path, 2)
    with wsgi("gate_app", "-t", f"{model}:max=2,{name}={TIMEOUT}", status=None) as handler:
        clients = [*wait_at(handler, gates), handler.open(b"/late")]
        assert handler.process.wait(PATIENCE) == -signal.SIGABRT
        assert [read_response(client) for client in clients[:2]] == [b"", b""]
        clients[2].close()
        log = handler.log
    assert "waited more than 0.3 s for a thread" in log
    assert log.count("gate_app.py") == 2
    for gate in gates:
        assert f" s in GET {os.fsdecode(gate.url)}" in log


@pytest.mark.parametrize("model", ["free", "pool"])
@pytest.mark.parametrize("end", ["signal", "end-of-file"])
def test_what_stays_in_the_queue_at_the_end_does_not_abort(
    model: str, end: str, tmp_path: Path
) -> None:
    gates = pipes(tmp_path, 2)
    with wsgi("gate_app", "-t", f"{model}:max=2,timeout={TIMEOUT}") as handler:
        clients = wait_at(handler, gates)
        if end == "signal":
            handler.process.terminate()
            # Were it taken for one that waits, this would abort; more than the time passes.
            handler.socket.setblocking(False)
        else:
            handler.socket.close()
        with pytest.raises(Exception, match="timed out"):
            handler.process.wait(4 * float(TIMEOUT))
        for gate in gates:
            gate.open()
        assert all(map(body_of, map(read_response, clients)))
        assert handler.process.wait(PATIENCE) == 0


@pytest.mark.parametrize("model", ["free", "pool", "rplex"])
def test_quick_requests_pass_four_that_block(model: str, tmp_path: Path) -> None:
    gates = pipes(tmp_path, 4)
    with wsgi("gate_app", "-t", model) as handler:
        for _ in range(300):  # enough for a crew to become lazy
            handler.call(timeout=PATIENCE)
        clients = wait_at(handler, gates)
        assert handler.call(timeout=PATIENCE).status == 200
        for gate in gates:
            gate.open()
        assert all(map(body_of, map(read_response, clients)))


# --request-timeout


@pytest.mark.parametrize("model", ["free:max=1", "rplex:max=1", "single", "pool:max=1"])
@pytest.mark.parametrize("kind", [b"meek", b"exceptions", b"late"])
def test_a_request_that_takes_too_long_gets_504(model: str, kind: bytes) -> None:
    with wsgi("stubborn_app", "-t", model, "--request-timeout", TIMEOUT) as handler:
        response = handler.call(b"/" + kind, timeout=PATIENCE)
        assert response.status == 504
        url = f"GET /{kind.decode()}"
        wait_for_log(handler, f"{url}: takes more than 0.3 s; answered with 504", "stubborn_app.py")
        assert handler.call(timeout=PATIENCE).status == 200  # by the only thread there is


def test_a_client_that_does_not_wait_for_its_504() -> None:
    with wsgi("stubborn_app", "-t", "single", "--request-timeout", TIMEOUT) as handler:
        handler.open(b"/meek", headers=[REQUEST_ID]).close()
        wait_for_log(handler, "takes more than 0.3 s", "\n [r-1]\n")
        assert handler.call(timeout=PATIENCE).status == 200


@pytest.mark.parametrize("model", MODELS)
def test_a_failure_within_the_time_gets_500(model: str) -> None:
    with wsgi("stubborn_app", "-t", model, "--request-timeout", str(PATIENCE)) as handler:
        assert handler.call(b"/broken", timeout=PATIENCE).status == 500
        wait_for_log(handler, "ZeroDivisionError: broken")


def test_a_process_can_be_profiled_after_a_request_that_took_too_long() -> None:
    with wsgi("stubborn_app", "-t", "single", "--request-timeout", TIMEOUT) as handler:
        assert handler.call(b"/meek", timeout=PATIENCE).status == 504
        assert handler.call(b"/profiled", timeout=PATIENCE).status == 200


@pytest.mark.parametrize(
    ("model", "kind"),
    [
        *((model, kind) for model in ("free", "pool", "single") for kind in (b"head", b"client")),
        ("rplex", b"head"),
    ],
)
def test_a_response_that_takes_too_long_is_cut(model: str, kind: bytes) -> None:
    with wsgi("stubborn_app", "-t", model, "--request-timeout", TIMEOUT) as handler:
        client = handler.open(b"/" + kind, headers=[(b"X-Ash-Framing", b"certain, chunked")])
        wait_for_log(handler, "its response is cut", "stubborn_app.py" if kind == b"head" else "")
        answer = read_response(client)
        assert answer.startswith(b"HTTP/1.1 200 ")
        assert b"\r\nTransfer-Encoding: chunked\r\n" in answer
        assert not answer.endswith(b"0\r\n\r\n")
        assert handler.call(timeout=PATIENCE).status == 200


@pytest.mark.parametrize("model", ["free", "rplex"])
def test_a_worker_whose_thread_does_not_end_is_replaced(model: str) -> None:
    options = ("-t", model, "-w", "1", "--request-timeout", TIMEOUT)
    with wsgi("stubborn_app", *options) as handler:
        assert handler.call(b"/everything", timeout=PATIENCE).status == 504
        (stuck,) = workers(handler)
        # Streams hold no thread; what others have begun to send is sent to its end.
        client = handler.open(b"/download") if model == "rplex" else None
        wait_for_log(handler, "its thread does not end", f"worker {stuck} leaves")
        for _ in range(5):  # longer than the worker takes to look at what it still has
            assert handler.call(b"/meek", timeout=PATIENCE).status == 504
        if client is not None:
            assert len(body_of(read_response(client))) == 8_000_000
        until(lambda: stuck not in workers(handler), "the end of the stuck worker")
        assert int(handler.call(timeout=PATIENCE).body) != stuck


def test_a_process_that_nobody_replaces_goes_on_beside_a_thread_that_does_not_end() -> None:
    options = ("--request-timeout", TIMEOUT, "--graceful-timeout", "0.1")
    with wsgi("stubborn_app", *options, status=1) as handler:
        stuck = handler.call(b"/everything", headers=[REQUEST_ID], timeout=PATIENCE)
        assert stuck.status == 504
        wait_for_log(handler, "its thread does not end [r-1]")
        assert handler.call(timeout=PATIENCE).status == 200


# --queue-timeout


@pytest.mark.parametrize("model", MODELS)
def test_a_request_that_lay_too_long_gets_503(model: str, tmp_path: Path) -> None:
    (gate,) = pipes(tmp_path, 1)
    model += ":max=1" if model in {"free", "pool", "rplex"} else ""
    with wsgi("gate_app", "-t", model, "--queue-timeout", TIMEOUT) as handler:
        (client,) = wait_at(handler, [gate])
        late = handler.open(b"/late", headers=[REQUEST_ID])
        handler.open(b"/gone").close()
        with pytest.raises(TimeoutError):
            _wait_in_vain(late)
        gate.open()
        assert body_of(read_response(client))
        answer = read_response(late)
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert b"\r\nRetry-After: " in answer
        wait_for_log(handler, "/late: refused with 503", " s [r-1]\n")
        assert handler.call(timeout=PATIENCE).status == 200


def _wait_in_vain(client: socket.socket) -> None:
    client.settimeout(2 * float(TIMEOUT))
    client.recv(1)

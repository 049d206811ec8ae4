"""WSGI applications that take their clients' byte streams over: WebSockets, and other bytes."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from ashd.pdm.cli import perfclient
from ashdtest.cases import about
from ashdtest.client import Client, request
from ashdtest.commands import each_model
from ashdtest.frontend import FrontEnd, front_end
from ashdtest.outside import needs
from ashdtest.processes import (
    DEADLINE,
    children,
    descriptor_count,
    program,
    resident_kib,
    thread_count,
    wait_until,
)
from ashdtest.scgisites import scgi_site
from ashdtest.sites import site, wsgi_command
from ashdtest.streams import ASKS, opened

NAMES = "ashd.switch gunicorn.socket werkzeug.socket"
MANY = int(os.environ.get("ASHD_STREAMS", "100"))
"""Clients at once; a thousand of them in the session `streams`."""


@pytest.fixture(scope="module")
def server(front: str, model: str) -> Iterator[FrontEnd]:
    with site("sockets", front=front, model=model) as server:
        yield server


def websocket(server: FrontEnd, path: str) -> ClientConnection:
    return connect(f"ws://127.0.0.1:{server.port}{path}", open_timeout=DEADLINE)


def assert_serves(server: FrontEnd) -> None:
    assert server.exchange(request("/offered", "Connection: close")).startswith(b"HTTP/1.1 200 ")


@contextmanager
def nothing_left(server: FrontEnd) -> Iterator[None]:
    """See that front end and handler have as many descriptors and threads after the block."""
    pids = (server.pid, server.handler_pid)
    for _ in range(3):
        assert_serves(server)
    before = [(pid, descriptor_count(pid), thread_count(pid)) for pid in pids]
    yield
    for pid, fds, threads in before:
        wait_until(lambda: descriptor_count(pid) <= fds, what="descriptors as before")  # noqa: B023
        wait_until(lambda: thread_count(pid) <= threads + 1, what="threads as before")  # noqa: B023


# Every model, and every front end


def test_websockets(server: FrontEnd) -> None:
    with nothing_left(server):
        for path in ("/flask", "/wsproto"):
            with about(path), websocket(server, path) as client:
                for message in ("hello", b"\0" * 1000, "x" * 500_000, ""):
                    client.send(message)
                    assert client.recv(DEADLINE) == message
                client.ping().wait(DEADLINE)
            assert client.close_code == 1000


def test_refused_websockets(server: FrontEnd) -> None:
    with nothing_left(server):
        for path, status in (("/offered", 200), ("/nothing", 404), ("/raises_before", 500)):
            with about(path), pytest.raises(InvalidStatus) as caught:
                websocket(server, path)
            assert caught.value.response.status_code == status
        with Client(server.connect()) as client:
            assert client.send(request("/wsproto")).reply().status == 426
            assert client.send(request("/wsproto", *ASKS)).reply().status == 400


def test_only_who_asks_is_offered_a_switch(server: FrontEnd) -> None:
    with Client(server.connect()) as client:
        for fields, names in (
            (ASKS, NAMES),
            (("Upgrade: x", "Connection: UPGRADE"), NAMES),
            (("Upgrade: x",), ""),
            (("Connection: Upgrade",), ""),
            ((), ""),
        ):
            with about(repr(fields)):
                assert client.send(request("/offered", *fields)).reply().body.decode() == names
    asks = ("Upgrade: x", "Connection: Upgrade")
    old = server.exchange(request("/offered", *asks, version="HTTP/1.0"))
    assert old.endswith(b"\r\n\r\n")


def test_bytes(server: FrontEnd) -> None:
    data = bytes(range(256)) * 2000
    with nothing_left(server):
        for path in ("/echo", "/elsewhere", "/handed"):
            with about(path), opened(server, path) as client:
                sender = threading.Thread(target=client.send, args=(data,))
                sender.start()
                assert client.exactly(len(data)) == data
                sender.join()
                client.sock.shutdown(socket.SHUT_WR)
                assert client.rest() == b""
        with opened(server, "/iterator") as client:
            assert client.send(b"abc").rest() == b"abc"
        with opened(server, "/raw") as client:
            assert client.send(b"abc").rest() == b"helloabc"


def test_what_can_not_be_sent(server: FrontEnd) -> None:
    with nothing_left(server), Client(server.connect()) as client:
        for _ in range(2):
            lines = client.send(request("/wrong", *ASKS)).reply().body.decode().splitlines()
            assert [re.sub(r": .*", "", line) for line in lines] == [
                *["ResponseError"] * 7,
                *["OSError"] * 2,
                "AttributeError",
                "ResponseError",
            ]


def test_applications_that_raise(server: FrontEnd) -> None:
    log = server.from_now_on()
    with nothing_left(server):
        with opened(server, "/raises_after") as client:
            assert client.rest() == b"planned"
        log.wait_for_log("RuntimeError: planned after")
        with websocket(server, "/flask") as web:
            web.send("raise")
            with pytest.raises(ConnectionClosed):
                web.recv(DEADLINE)
        log.wait_for_log("RuntimeError: planned in Flask")
    assert "SwitchedError" not in log.log


@pytest.mark.parametrize("leave", [Client.leave, Client.reset])
def test_clients_that_leave(server: FrontEnd, leave: Callable[[Client], None]) -> None:
    log = server.from_now_on()
    with nothing_left(server):
        for path in ("/echo", "/elsewhere", "/raw"):
            with about(path):
                leave(opened(server, path))
    assert "the application failed" not in log.log


# Places


@pytest.mark.parametrize("model", ["free:max=2", "pool:max=2", "rplex:max=2"])
def test_streams_do_not_count(model: str) -> None:
    """Many of them are open, and requests are served as before and after."""
    options = [f"--connections={MANY + 10}"]
    command = wsgi_command("sockets", model=model)
    with front_end(command, options=options) as server, ExitStack() as stack:
        assert_serves(server)
        with nothing_left(server):
            memory = resident_kib(server.handler_pid)
            with stack:
                clients = [stack.enter_context(opened(server, "/echo")) for _ in range(MANY)]
                for client in clients:
                    client.send(b"hello")
                for client in clients:
                    assert client.exactly(5) == b"hello"
                assert_serves(server)
                assert thread_count(server.handler_pid) >= MANY
            wait_until(lambda: thread_count(server.handler_pid) < 20)
            assert resident_kib(server.handler_pid) - memory < 50 * 1024
        assert_serves(server)


# The end of the server


@each_model
def test_the_end_of_the_server(model: str) -> None:
    with site("sockets", model=model) as server, ExitStack() as stack:
        paths = ["/echo", "/handed"] if model != "single" else ["/echo"]
        clients = [stack.enter_context(opened(server, path)) for path in paths]
        paths = ["/wsproto", "/flask"] if model != "single" else []
        webs = [stack.enter_context(websocket(server, path)) for path in paths]
        server.terminate()
        for client in clients:
            assert client.rest() == b""
            client.leave()
        for web, code in zip(webs, (1001, 1006), strict=False):
            with pytest.raises(ConnectionClosed):
                web.recv(DEADLINE)
            assert web.close_code == code
        assert server.wait() == 0
        assert "giving up" not in server.log


# What is known of a stream, and what limits it


@contextmanager
def debugging(spec: Path) -> Iterator[Any]:
    wait_until(spec.exists)
    with perfclient(str(spec)) as perf:
        yield perf


def test_what_is_logged_and_shown(tmp_path: Path) -> None:
    """A stream is shown as long as it lasts, and logged at its end."""
    log, spec = tmp_path / "log", tmp_path / "debug"
    form = "--access-log-format={target} {status} {sent} {outcome}"
    options = (f"--access-log={log}", form, "-m", str(spec))
    command = wsgi_command("sockets", model="pool:max=1")
    command = [*command[:-2], *options, *command[-2:]]
    with front_end(command) as server, debugging(spec) as perf:
        with opened(server, "/echo") as client:
            shown = perf.find("ashd.perf.server").readattr()["in_flight"]
            assert [(one["uri"], one["switched"]) for one in shown] == [("/echo", True)]
            metrics = subprocess.run(
                [program("ashd-pdm"), "metrics", str(spec)], stdout=subprocess.PIPE, check=True
            ).stdout
            assert b"\nashd_requests_in_flight 0" in metrics
            assert b"\nashd_streams 1" in metrics
            assert client.send(b"abc").exactly(3) == b"abc"
            assert log.read_text() == ""
        wait_until(lambda: log.read_text() == "/echo 101 0 ok\n")
        found = perf.find("ashd.perf.server").readattr()
        assert found["requests_total"] == {"101": 1}
        assert found["latency"]["count"] == 0
        assert found["in_flight"] == []


def test_a_time_limit_on_requests_is_none_on_streams() -> None:
    for model in ("pool", "rplex"):
        command = wsgi_command("sockets", model=model)
        limited = [*command[:-2], "--request-timeout=0.2", *command[-2:]]
        with about(model), front_end(limited) as server, ExitStack() as stack:
            paths = ["/echo", "/iterator"] if model != "rplex" else ["/echo"]
            clients = [stack.enter_context(opened(server, path)) for path in paths]
            for _ in range(2):
                slow = request("/busy", "Connection: close")
                assert server.exchange(slow).startswith(b"HTTP/1.1 504 ")
            for client in clients:
                assert client.send(b"abc").exactly(3) == b"abc"


def test_streams_end_with_their_worker() -> None:
    command = wsgi_command("sockets", model="free")
    with front_end([*command[:-2], "-w", "1", "--max-requests=3", *command[-2:]]) as server:
        with opened(server, "/echo") as client:
            for _ in range(6):
                assert_serves(server)
            assert client.rest() == b""
        assert len(children(server.handler_pid)) == 1
        assert_serves(server)


@needs("nginx")
def test_scgi_offers_none(tmp_path: Path) -> None:
    """Its web servers pass no stream on."""
    tmp_path.chmod(0o755)
    with (
        scgi_site("nginx", ["sockets"], tmp_path) as server,
        Client(socket.create_connection(("127.0.0.1", server.port), DEADLINE)) as client,
    ):
        assert client.send(request("/offered", *ASKS)).reply().body == b""

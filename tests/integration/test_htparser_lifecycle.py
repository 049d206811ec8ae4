"""ashd-htparser from start to end: command line, limits, signals, a handler that dies."""

from __future__ import annotations

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from ashdtest.builds import BUILD
from ashdtest.frontend import HANDLER, FrontEnd, front_end, read_to_end
from ashdtest.http import Reader
from ashdtest.processes import children, exists, free_port, program, wait_until

GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
GET_ONCE = b"GET /echo HTTP/1.0\r\n\r\n"


def run(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [program("ashd-htparser"), *args], capture_output=True, text=True, timeout=20, check=False
    )


# The command line


@pytest.mark.parametrize(
    ("args", "complaint"),
    [
        ([], "nothing to listen on"),
        (["plain"], "no root handler"),
        (["plain", "--"], "no root handler"),
        (["--", "true"], "nothing to listen on"),
        (["ftp", "--", "true"], "no port handler 'ftp'"),
        (["plain:port=x", "--", "true"], "port must be a number"),
        (["--unknown", "plain", "--", "true"], "--unknown"),
        (["--head-time", "0", "plain", "--", "true"], "'0' is not a number of seconds above 0"),
        (["--head-time", "inf", "plain", "--", "true"], "--head-time"),
        (["--connections", "0", "plain", "--", "true"], "'0' is not a whole number above 0"),
        (["--body-size", "1G", "plain", "--", "true"], "'1G' is not a whole number from 0 on"),
        (["--drain", "-1", "plain", "--", "true"], "'-1' is not a number of seconds"),
        (["--processes", "0", "plain", "--", "true"], "--processes"),
        (
            ["plain:port=80", "ashd-wsgi", "-A", "a"],
            "ashd-htparser plain:port=80 -- ashd-wsgi -A a",
        ),
        (["--stop-time", "9", "plain", "true"], "ashd-htparser --stop-time 9 plain -- true"),
        (["8080", "--", "true"], "write plain:port=8080"),
        (["localhost:8080", "--", "true"], "write plain:port=8080,bind=localhost"),
        (["plain:8080", "--", "true"], "plain:port=8080"),
    ],
)
def test_wrong_usage(args: list[str], complaint: str) -> None:
    result = run(*args)
    assert result.returncode == 2
    assert complaint in result.stderr
    assert result.stderr.startswith("ashd-htparser: ")
    assert result.stderr.count("\n") == 1


def test_help() -> None:
    result = run("-h")
    assert result.returncode == 0
    assert "PORTSPEC... -- ROOT-HANDLER" in result.stdout
    assert "--idle-time SECONDS" in result.stdout


def test_version() -> None:
    result = run("--version")
    assert result.returncode == 0
    assert re.fullmatch(rf"ashd-htparser/\d\S* \({BUILD}\)\n", result.stdout)


def test_help_of_a_port_handler() -> None:
    result = run("plain:help")
    assert result.returncode == 0
    assert "port=NUMBER" in result.stdout
    assert "bind=ADDRESS" in result.stdout


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("/nonexistent/handler", "No such file or directory"),
        ("no-such-handler-on-path", "No such file or directory"),
        ("/", "Permission denied"),
    ],
)
def test_a_root_handler_that_cannot_be_started(command: str, complaint: str) -> None:
    result = run("plain:port=0", "--", command)
    assert result.returncode == 1
    assert result.stderr == (
        f"ashd-htparser: the root handler: {command} can't be started: {complaint}\n"
    )


@pytest.mark.parametrize("bind", ["", ",bind=127.0.0.1", ",bind=localhost"])
def test_a_port_that_is_taken(bind: str, tmp_path: Path) -> None:
    """Nothing is started then."""
    started = tmp_path / "started"
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = run(f"plain:port={port}{bind}", "--", "touch", str(started))
    assert result.returncode == 1
    assert "Address already in use" in result.stderr
    assert result.stderr.count("\n") == 1
    assert not started.exists()


def test_a_port_that_is_taken_for_one_kind_of_address(tmp_path: Path) -> None:
    started = tmp_path / "started"
    with socket.socket(socket.AF_INET6) as other:
        other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        other.bind(("::", 0))
        other.listen()
        port = other.getsockname()[1]
        result = run(f"plain:port={port}", "--", "touch", str(started))
    assert result.returncode == 1
    assert "Address already in use" in result.stderr
    assert not started.exists()


@pytest.mark.parametrize("address", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_that_is_not_ours(address: str) -> None:
    result = run(f"plain:port=0,bind=127.0.0.1,bind={address}", "--", "true")
    assert result.returncode == 1
    assert address in result.stderr
    assert result.stderr.count("\n") == 1


def test_several_ports() -> None:
    other = free_port()
    with front_end(HANDLER, options=[f"plain:port={other},bind=127.0.0.1"]) as server:
        for port in (server.port, other):
            with socket.create_connection(("127.0.0.1", port), timeout=20) as sock:
                sock.sendall(GET)
                body = Reader(sock).reply().body
            assert b"X-Ash-Server-Port: %d\n" % port in body


def test_bind() -> None:
    with front_end(HANDLER, port_parameters="bind=127.0.0.1") as server:
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200")
        with pytest.raises(OSError, match=r"refused|assign"):
            server.connect("::1")


# The root handler


def test_what_the_root_handler_inherits() -> None:
    read, write = os.pipe()
    os.set_inheritable(write, True)
    environ = {**os.environ, "ASHD_USESYSLOG": "1"}
    try:
        with front_end(HANDLER, env=environ) as server:
            body = server.exchange(b"GET /descriptors HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")[2]
    finally:
        os.close(read)
        os.close(write)
    # 0, 1, 2, the response socket, and the descriptor that lists them
    assert body == b"[0, 1, 2, 3, 4] True unset"


# Signals


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_step_shutdown(number: signal.Signals, fifo: Path) -> None:
    with front_end(HANDLER) as server, contextlib.ExitStack() as stack:
        working, idle, half = (stack.enter_context(server.connect()) for _ in range(3))
        idle.sendall(GET)
        reader = Reader(idle)
        reader.reply()
        half.sendall(GET[:10])
        working.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode())
        server.wait_for_log("waiting")
        server.process.send_signal(number)
        assert reader.at_end()
        assert read_to_end(half) == b""
        with pytest.raises(ConnectionRefusedError):
            server.connect()
        fifo.write_bytes(b"x")
        reply = Reader(working).reply()
        assert reply.body == b"x0"
        assert reply.headers["connection"] == "close"
        assert server.wait() == 0
        assert not exists(server.handler_pid)


def test_the_second_signal_ends_it_at_once() -> None:
    with front_end(HANDLER, status=1) as server, server.connect() as sock:
        sock.sendall(b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_log("waiting")
        server.terminate()
        server.wait_until_closed()
        server.terminate()
        assert server.wait() == 1
        assert read_to_end(sock) == b""


# Limits


def test_a_head_that_no_socket_takes() -> None:
    with front_end(HANDLER, options=["--head-size=3000000"]) as server:
        line = b"X: " + bytes(1_000_000).replace(b"\0", b"x") + b"\r\n"
        reply = server.exchange(GET_ONCE[:-2] + line + b"\r\n")
        assert reply.startswith(b"HTTP/1.1 431 ")
        assert b"too large for the handler's socket" in reply
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200 ")


@pytest.fixture
def hasty() -> Iterator[FrontEnd]:
    options = ["--head-time=1", "--idle-time=1", "--body-time=1"]
    with front_end(HANDLER, options=options) as server:
        yield server


def test_head_time(hasty: FrontEnd) -> None:
    assert hasty.exchange(GET[:-1]).startswith(b"HTTP/1.1 408 ")
    assert hasty.exchange(b"") == b""
    with hasty.connect() as sock:  # the next request after one that was answered
        sock.sendall(GET)
        reader = Reader(sock)
        assert reader.reply().status == 200
        sock.sendall(GET[:-1])
        assert reader.reply().status == 408


def test_idle_time(hasty: FrontEnd) -> None:
    with hasty.connect() as sock:
        sock.sendall(GET)
        reader = Reader(sock)
        assert reader.reply().status == 200
        assert reader.at_end()


def test_body_time(hasty: FrontEnd) -> None:
    head = b"POST /count/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 99999\r\n\r\n"
    assert hasty.exchange(head + b"abc").startswith(b"HTTP/1.1 408 ")
    hasty.wait_for_log("cut count/slow 3")


def test_body_time_while_the_client_does_not_read(hasty: FrontEnd) -> None:
    with hasty.connect() as sock:
        sock.sendall(b"GET /length/f?1000000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        hasty.wait_for_log("stopped length/f")


def test_a_handler_may_take_its_time(hasty: FrontEnd, fifo: Path) -> None:
    with hasty.connect() as sock:
        sock.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode())
        hasty.wait_for_log("waiting")
        with hasty.connect() as other:  # outlives all the limits
            assert Reader(other).at_end()
        fifo.write_bytes(b"x")
        assert Reader(sock).reply().body == b"x0"


def test_the_bound_on_connections() -> None:
    with (
        front_end(HANDLER, options=["--connections=3"]) as server,
        contextlib.ExitStack() as stack,
    ):
        busy = [stack.enter_context(server.connect()) for _ in range(3)]
        for number, sock in enumerate(busy, 1):
            sock.sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")
            wait_until(lambda n=number: server.log.count("waiting") == n)  # type: ignore[misc]
        late = stack.enter_context(server.connect())
        late.sendall(GET)
        late.settimeout(0.3)
        with pytest.raises(TimeoutError):
            late.recv(1)
        late.settimeout(20)
        busy[0].close()
        assert Reader(late).reply().status == 200
        # the late one is idle now, and makes room
        assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200")
        assert late.recv(1) == b""


def test_a_client_without_a_place_when_the_front_end_stops(fifo: Path) -> None:
    with (
        front_end(HANDLER, options=["--connections=1"]) as server,
        contextlib.ExitStack() as stack,
    ):
        working = stack.enter_context(server.connect())
        working.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode() + GET)
        server.wait_for_log("waiting")
        late = stack.enter_context(server.connect())
        late.sendall(GET)
        server.terminate()
        assert read_to_end(late) == b""
        fifo.write_bytes(b"x")
        reader = Reader(working)
        assert reader.reply().body == b"x0"
        assert reader.at_end()
        assert server.wait() == 0


def test_out_of_descriptors() -> None:
    """Clients wait, nothing spins or dies, and all are served in the end."""
    with front_end(HANDLER, options=["--connections=10000"]) as server:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(server.connect())
            first.sendall(GET)
            assert Reader(first).reply().status == 200
            used = len(os.listdir(f"/proc/{server.pid}/fd"))  # noqa: PTH208
            _, hard = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 3, hard))
            clients = [stack.enter_context(server.connect()) for _ in range(6)]
            for client in clients:
                client.sendall(GET)
            server.wait_for_log("can't accept connections")
            first.close()
            before = _cpu_ticks(server.pid)
            resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (used + 20, hard))
            for client in clients:
                assert Reader(client).reply().status == 200
            assert _cpu_ticks(server.pid) - before < 50
            assert server.log.count("can't accept connections") == 1
        assert children(server.pid) == [server.handler_pid]


def _cpu_ticks(pid: int) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])

"""Health checks that the front end answers by itself, and the time in which it drains."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import pytest

from ashd.htparser._errors import UsageError
from ashd.htparser._options import parse_options
from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.http import Reader, Reply
from ashdtest.processes import DEADLINE, python_environment, wait_until

MANY = 8
"""Connections, of which each process gets some."""
AT_A_TIME = 4


def ask(server: FrontEnd, path: str, *, method: str = "GET", more: str = "") -> Reply:
    """Ask as HAProxy and Kubernetes do it: each time over a connection of its own."""
    with server.connect() as sock:
        sock.sendall(f"{method} {path} HTTP/1.1\r\nHost: a\r\n{more}\r\n".encode())
        return Reader(sock).reply(head_only=method == "HEAD")


def wait_for(server: FrontEnd, said: bytes) -> None:
    """Wait until every process says so."""

    def all_say_so() -> bool:
        return {ask(server, "/healthz").body for _ in range(MANY)} == {said + b"\n"}

    wait_until(all_say_so, what=f"{said!r}")


@dataclass
class Slow:
    """A front end, in one process or more, whose handlers load when they are told to."""

    server: FrontEnd
    fifo: Path
    log: Path

    def load(self) -> None:
        self.fifo.write_bytes(b"\n")


@pytest.fixture(params=["two processes", "without uvloop"])
def slow(request: pytest.FixtureRequest, fifo: Path, tmp_path: Path) -> Iterator[Slow]:
    log = tmp_path / "access.log"
    options = ["--health=/healthz", "--drain=600", f"--access-log={log}"]
    env = dict(os.environ)
    if request.param == "two processes":
        options.append("--processes=2")
    else:
        env = python_environment(tmp_path, "import sys\nsys.modules['uvloop'] = None\n")
    waiting = ["sh", "-c", 'read -r _ <"$0" && exec "$@"', str(fifo), *HANDLER]
    with front_end(waiting, options=options, env=env) as server:
        yield Slow(server, fifo, log)


def test_an_instance_from_its_start_to_its_end(slow: Slow) -> None:
    server = slow.server
    wait_for(server, b"loading")
    assert ask(server, "/healthz/ready").status == 503
    assert ask(server, "/healthz/live").body == b"live\n"
    slow.load()
    wait_for(server, b"ready")
    server.wait_for_log("listening on")

    os.kill(server.handler_pid, signal.SIGKILL)
    wait_until(lambda: ask(server, "/healthz").status == 503)
    assert ask(server, "/healthz/live").status == 200
    slow.load()
    wait_for(server, b"ready")

    with server.connect() as kept:
        reader = Reader(kept)
        kept.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % bytes(slow.fifo))
        server.wait_for_log("waiting")
        server.terminate()
        wait_for(server, b"draining")
        slow.load()
        assert "connection" not in reader.reply().headers  # so one more may be on its way
        assert ask(server, "/healthz/live").status == 200
        assert ask(server, "/echo?drained").status == 200
        kept.sendall(b"GET /echo?last HTTP/1.1\r\nHost: a\r\n\r\n")
        reply = reader.reply()
        assert (reply.status, reply.headers["connection"]) == (200, "close")
    server.terminate()  # enough of draining
    assert server.wait() == 0
    logged = slow.log.read_text(encoding="utf-8").splitlines()
    targets = [line.split('"')[1].split()[1] for line in logged]
    assert sorted(targets) == ["/echo?drained", "/echo?last", f"/gate?{slow.fifo}"]


def test_nobody_has_to_learn_of_the_end_of_what_never_served() -> None:
    with front_end(
        ["sh", "-c", "read -r _"], options=["--health=/healthz", "--drain=600"]
    ) as server:
        wait_for(server, b"loading")
        server.terminate()
        assert server.wait() == 0


@pytest.mark.parametrize(("processes", "kind"), [(2, "tcp"), (1, "unix")])
def test_who_has_connected_is_served(processes: int, kind: str, tmp_path: Path) -> None:
    """However late: a proxy that knows nothing of draining can go to another instance if it can't
    connect, but it can't send the same request to two.
    """
    path = str(tmp_path / "http")
    options = ["--drain=0.05", f"--processes={processes}", f"plain:unix={path}"]
    with front_end(HANDLER, options=options) as server, ThreadPoolExecutor(AT_A_TIME) as pool:

        def connect() -> socket.socket:
            return server.connect() if kind == "tcp" else connect_unix(path)

        ask(server, "/echo")
        served = [pool.submit(ask_until_refused, connect) for _ in range(AT_A_TIME)]
        server.terminate()
        assert sum(each.result() for each in served)
        assert server.wait() == 0


def connect_unix(path: str) -> socket.socket:
    sock = socket.socket(socket.AF_UNIX)
    try:
        sock.settimeout(DEADLINE)
        sock.connect(path)
    except OSError:
        sock.close()
        raise
    return sock


def ask_until_refused(connect: Callable[[], socket.socket]) -> int:
    """Return how many requests were answered."""
    for number in count():
        try:
            sock = connect()
        except (ConnectionRefusedError, FileNotFoundError):
            return number
        with sock:
            sock.sendall(b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
            assert Reader(sock).reply().status == 200
    raise AssertionError


def test_what_waits_in_a_socket_of_others_is_theirs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
        options = ["--drain=0.05", f"plain:fd={listening.fileno()}"]
        with front_end(HANDLER, options=options, pass_fds=[listening.fileno()]) as server:
            ask(server, "/echo")
            server.terminate()
            assert server.wait() == 0
        with socket.create_connection(address, timeout=DEADLINE) as client:
            client.sendall(b"for the next one")
            with listening.accept()[0] as accepted:
                assert accepted.recv(100) == b"for the next one"


@pytest.fixture(scope="module")
def server() -> Iterator[FrontEnd]:
    with front_end(HANDLER, options=["--health=/a/health", "--drain=0.05"]) as running:
        ask(running, "/echo")
        wait_until(lambda: ask(running, "/a/health").status == 200)
        yield running
        running.terminate()
        assert running.wait() == 0  # when it has drained
        assert "serving for another 0.05 s" in running.log


def test_an_answer_is_not_to_be_stored(server: FrontEnd) -> None:
    reply = ask(server, "/a/health")
    assert reply.body == b"ready\n"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["content-type"] == "text/plain"


def test_what_a_health_check_is(server: FrontEnd) -> None:
    assert ask(server, "/a/health?verbose=1").body == b"ready\n"
    head = ask(server, "/a/health", method="HEAD")
    assert (head.status, head.headers["content-length"], head.body) == (200, "6", b"")
    assert server.exchange(b"GET /a/health HTTP/1.0\r\n\r\n").endswith(b"ready\n")
    for method in ("POST", "DELETE", "OPTIONS"):
        reply = ask(server, "/a/health", method=method)
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
    for path in ("/echo/a/health", "/echo?/a/health"):
        assert b"X-Ash-Address" in ask(server, path).body  # the handler has it
    assert ask(server, "/a/health", more="Host: b\r\n").status == 400


def test_checks_among_other_requests_of_a_connection(server: FrontEnd) -> None:
    """Some are sent ahead, and some have a body, of which nobody wants to know."""
    body = b"x" * 100_000
    with server.connect() as sock:
        for _ in range(3):
            sock.sendall(
                b"GET /a/health HTTP/1.1\r\nHost: a\r\n\r\n"
                b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: 19\r\n\r\nHTTP/1.1 200 OK\n\nab"
                b"GET /a/health/ready HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                b"GET /a/health/live HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"
                % (len(body), body)
            )
            reader = Reader(sock)
            bodies = [reader.reply().body for _ in range(4)]
            assert bodies == [b"ready\n", b"ab", b"ready\n", b"live\n"]


def test_paths_that_are_none() -> None:
    for path in ("healthz", "/", "/a/", "/a?b", "/a b", "/ä", ""):
        with pytest.raises(UsageError, match=r"--health: .* is not a path such as /healthz"):
            parse_options(["--health", path, "plain", "--", "true"])

"""Connections that begin with a header of the PROXY protocol."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ashdtest.frontend import HANDLER, FrontEnd, front_end, read_to_end
from ashdtest.http import Reader
from ashdtest.processes import DEADLINE, python_environment

ASK = b"GET /echo HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n"
V1 = b"PROXY TCP4 203.0.113.7 198.51.100.1 4711 443\r\n"
V2 = b"\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x27" + bytes(15) + b"\1" + bytes(15) + b"\2\0\5\0\6"
V2 += b"\4\0\0"
LOCAL = b"\r\n\r\n\x00\r\nQUIT\n\x20\x00\x00\x00"
UNIX = b"\r\n\r\n\x00\r\nQUIT\n\x21\x31\x00\xd8" + bytes(216)


@pytest.fixture(scope="module", params=["one process", "two processes", "without uvloop"])
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontEnd]:
    """A front end that believes 127.0.0.1 only."""
    options = ["--forwarded-allow-ips=127.0.0.1,unix"]
    env = None
    if request.param == "two processes":
        options.append("--processes=2")
    elif request.param == "without uvloop":
        code = "import sys\nsys.modules['uvloop'] = None\n"
        env = python_environment(tmp_path_factory.mktemp("site"), code)
    with front_end(
        HANDLER, options=options, port_parameters="proxy=127.0.0.1,bind=127.0.0.1", env=env
    ) as running:
        running.wait_for_log("listening on")  # no more lines come by themselves
        yield running


def connect(server: FrontEnd, source: str = "127.0.0.1") -> socket.socket:
    address = ("127.0.0.1", server.port)
    return socket.create_connection(address, timeout=DEADLINE, source_address=(source, 0))


def ask(server: FrontEnd, pieces: list[bytes]) -> dict[str, str]:
    """Return the headers that the handler gets, after those pieces and a request."""
    with connect(server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for piece in pieces:
            sock.sendall(piece)
        lines = Reader(sock).reply().body.decode("ascii").split("\n")[4:]
        return dict(line.split(": ", 1) for line in lines if line)


ENDS = ["X-Ash-Address", "X-Ash-Port", "X-Ash-Server-Address", "X-Ash-Server-Port"]


@pytest.mark.parametrize(
    ("header", "ends"),
    [
        (V1, ["203.0.113.7", "4711", "198.51.100.1", "443"]),
        (V2, ["::1", "5", "::2", "6"]),
    ],
)
def test_the_ends_that_the_header_tells(server: FrontEnd, header: bytes, ends: list[str]) -> None:
    bytewise = [header[place : place + 1] for place in range(len(header))]
    for pieces in ([header + ASK], [*bytewise, ASK]):
        told = ask(server, pieces)
        assert [told[name] for name in ENDS] == ends
        # Neither client is among the proxies that are allowed, whoever told of it.
        assert "X-Forwarded-For" not in told


def test_a_header_that_tells_of_no_client(server: FrontEnd) -> None:
    """The connection's own ends count, and so does the word of the proxy."""
    for header in (LOCAL, b"PROXY UNKNOWN\r\n"):
        told = ask(server, [header + ASK])
        assert told["X-Ash-Address"] == "192.0.2.1"
        assert told["X-Ash-Server-Port"] == str(server.port)
    told = ask(server, [UNIX + ASK])
    assert told["X-Ash-Address"] == "192.0.2.1"
    assert "X-Ash-Server-Address" not in told


@pytest.mark.parametrize(
    ("source", "data", "complaint"),
    [
        ("127.0.0.1", ASK, "can't be read (there is none)"),
        ("127.0.0.1", b"PROXY TCP4 a b c d\r\n" + ASK, "can't be read (it is malformed)"),
        ("127.0.0.1", b"PROXY " + b"x" * 5000, "can't be read (its line has no end)"),
        ("127.0.0.2", V1 + ASK, "127.0.0.2 was closed: it is none of the proxies"),
    ],
)
def test_what_is_closed(server: FrontEnd, source: str, data: bytes, complaint: str) -> None:
    before = server.log
    with connect(server, source) as sock:
        sock.sendall(data)
        assert read_to_end(sock) == b""
    server.wait_for_log(complaint)
    assert server.log.removeprefix(before).count("\n") == 1


def test_a_header_that_is_cut(server: FrontEnd) -> None:
    with connect(server) as sock:
        sock.sendall(V1[:-1])
        sock.shutdown(socket.SHUT_WR)
        assert read_to_end(sock) == b""
    server.wait_for_log("its PROXY header can't be read (it is cut)")


def test_one_that_does_not_come() -> None:
    options = ["--head-time=0.2"]
    with front_end(HANDLER, options=options, port_parameters="proxy,bind=127.0.0.1") as server:
        with connect(server) as sock:
            sock.sendall(V1[:-1])
            assert read_to_end(sock) == b""
        assert "its PROXY header did not arrive in time" in server.log


def test_the_limit_of_clients_counts_the_address_in_the_header() -> None:
    options = ["--connections-per-address=1"]
    with (
        front_end(HANDLER, options=options, port_parameters="proxy,bind=127.0.0.1") as server,
        connect(server) as one,
        connect(server) as another,
    ):
        one.sendall(V1 + ASK)
        assert Reader(one).reply().status == 200
        another.sendall(V1 + ASK)
        assert Reader(another).reply().status == 503
        told = ask(server, [V1.replace(b"0.113.7", b"0.113.8") + ASK])
        assert told["X-Ash-Address"] == "203.0.113.8"


def test_those_that_do_not_come_hold_nobody_up(tmp_path: Path) -> None:
    """They give way, and are closed at the end."""
    path = tmp_path / "front"
    options = ["--connections=4", f"plain:unix={path},proxy"]
    with (
        front_end(HANDLER, options=options, port_parameters="proxy,bind=127.0.0.1") as server,
        ExitStack() as stack,
    ):
        for _ in range(8):
            stack.enter_context(connect(server)).sendall(V1[:-1])
        assert ask(server, [V1 + ASK])["X-Ash-Address"] == "203.0.113.7"
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(path))
            sock.sendall(V1 + ASK)
            assert b"203.0.113.7" in Reader(sock).reply().body

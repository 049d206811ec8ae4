"""Clients that are slow, idle or too many, and what they cost others: nothing."""

from __future__ import annotations

import contextlib
import re
import select
import signal
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ashdtest.client import Client, request
from ashdtest.frontend import HANDLER, FrontEnd, front_end, read_to_end
from ashdtest.http import Reader
from ashdtest.processes import DEADLINE
from ashdtest.sites import site

GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
GET_ONCE = b"GET /echo HTTP/1.0\r\n\r\n"
STUCK = b"POST /stuck HTTP/1.1\r\nHost: a\r\n"
LENGTH, CHUNKED = b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n"


@pytest.fixture(scope="module")
def running() -> Iterator[FrontEnd]:
    with front_end(HANDLER) as server:
        yield server


@pytest.fixture
def server(running: FrontEnd) -> FrontEnd:
    """One for all tests, with a log of their own."""
    return running.from_now_on()


def assert_serves(server: FrontEnd) -> None:
    assert server.exchange(GET_ONCE).startswith(b"HTTP/1.1 200 ")


def status(sock: socket.socket) -> int:
    sock.sendall(GET)
    return Reader(sock).reply().status


# Bodies that are held until they are whole


@pytest.mark.parametrize(
    ("framing", "pieces"),
    [(LENGTH, [b"a", b"b", b"c"]), (CHUNKED, [b"2\r\na", b"b\r\n", b"1\r\nc\r\n0\r\n\r\n"])],
    ids=["length", "chunked"],
)
def test_a_small_body_reaches_the_handler_when_it_is_whole(
    server: FrontEnd, framing: bytes, pieces: list[bytes]
) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /wait HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n")
        for piece in pieces:
            assert_serves(server)
            assert "waiting" not in server.log
            sock.sendall(piece)
        server.wait_for_log("waiting")


@pytest.mark.parametrize(
    "begin", [b"Content-Length: 65537\r\n\r\n", CHUNKED + b"\r\n10001\r\n" + bytes(65537)]
)
def test_a_body_beyond_the_bound_goes_on_as_it_comes(server: FrontEnd, begin: bytes) -> None:
    with server.connect() as sock:
        sock.sendall(STUCK + begin)
        server.wait_for_log("waiting")


def test_no_body_is_held_if_the_administrator_says_so() -> None:
    with front_end(HANDLER, options=["--buffer-body=0"]) as server, server.connect() as sock:
        sock.sendall(STUCK + LENGTH + b"\r\na")
        server.wait_for_log("waiting")


def test_every_size_around_the_bound_arrives() -> None:
    with (
        front_end(HANDLER, options=["--buffer-body=1000"]) as server,
        server.connect() as sock,
    ):
        reader = Reader(sock)
        for size in (1, 999, 1000, 1001, 300_000):
            head = b"POST /raw HTTP/1.1\r\nHost: a\r\n"
            content = b"HTTP/1.1 200 OK\nContent-Length: %d\n\n%b" % (size, b"x" * size)
            sock.sendall(head + b"Content-Length: %d\r\n\r\n" % len(content) + content)
            assert reader.reply().body == b"x" * size
            half = len(content) // 2
            sock.sendall(head + CHUNKED + b"\r\n")
            for part in (content[:half], content[half:]):
                sock.sendall(b"%x\r\n%b\r\n" % (len(part), part))
            sock.sendall(b"0\r\n\r\n" + GET)
            assert reader.reply().body == b"x" * size
            assert reader.reply().status == 200


def test_the_client_is_asked_for_a_body_before_the_handler_has_the_request() -> None:
    with front_end(HANDLER) as server, server.connect() as sleeper, server.connect() as sock:
        sleeper.sendall(b"GET /sleep HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_log("waiting")
        sock.sendall(
            b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
        )
        reader = Reader(sock)
        assert reader.reply().status == 100
        sock.sendall(b"abc")
        sleeper.close()
        assert reader.reply().body.endswith(b"\n\nabc")


def test_slow_uploads_hold_no_thread() -> None:
    with site("zoo", model="pool:max=2") as server, contextlib.ExitStack() as stack:
        for _ in range(8):
            slow = stack.enter_context(Client(server.connect()))
            slow.send(
                request("/takes_upload", "Content-Length: 1000", method="POST", body=b"x" * 999)
            )
        with Client(server.connect()) as good:
            assert good.send(request("/hello")).reply().status == 200


def test_a_shutdown_does_not_wait_for_a_body_that_is_held() -> None:
    with front_end(HANDLER) as server, server.connect() as sock:
        sock.sendall(STUCK + LENGTH + b"\r\na")
        assert_serves(server)
        server.terminate()
        assert Reader(sock).reply().status == 503
        sock.close()  # the front end would wait for that
        assert server.wait() == 0


def test_a_flood_of_tiny_chunks_arrives(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /count HTTP/1.1\r\nHost: a\r\n" + CHUNKED + b"\r\n")
        sock.sendall(b"1\r\na\r\n" * 200_000 + b"0\r\n\r\n" + GET)
        reader = Reader(sock)
        assert reader.reply().body == b"200000"
        assert reader.reply().status == 200


# Clients that send too little


def test_clients_that_are_gone_when_they_are_accepted(server: FrontEnd) -> None:
    server.process.send_signal(signal.SIGSTOP)
    for _ in range(3):
        with server.connect() as sock:  # the kernel accepts it
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    server.process.send_signal(signal.SIGCONT)
    assert_serves(server)
    assert "Traceback" not in server.log


def test_endless_empty_lines(server: FrontEnd) -> None:
    assert server.exchange(b"\r\n" * 8 + GET_ONCE).startswith(b"HTTP/1.1 200 ")
    with server.connect() as sock:
        sock.sendall(b"\r\n" * 100)
        assert Reader(sock).reply().status == 400


def test_a_body_below_the_least_rate() -> None:
    """A byte now and then is not enough."""
    options = ["--body-time=1", "--body-rate=1000000"]
    with front_end(HANDLER, options=options) as server, server.connect() as sock:
        sock.sendall(b"POST /count/slow HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n")
        while not select.select([sock], [], [], 0.1)[0]:
            sock.sendall(b"x")
        assert Reader(sock).reply().status == 408
        server.wait_for_log("cut count/slow ")


def test_time_limits_are_not_early() -> None:
    options = ["--head-time=1", "--idle-time=1", "--body-time=1"]
    half = (GET[:-1], STUCK + LENGTH + b"\r\na", GET)
    with front_end(HANDLER, options=options) as server, contextlib.ExitStack() as stack:
        begun = {}
        for data in half * 3:
            sock = stack.enter_context(server.connect())
            begun[sock] = time.monotonic()
            sock.sendall(data)
        while begun:
            for sock in select.select(list(begun), [], [])[0]:
                with contextlib.suppress(ConnectionError):
                    if sock.recv(1 << 16):
                        continue
                assert time.monotonic() - begun.pop(sock) >= 1


# More clients than places


@pytest.mark.parametrize(
    "half",
    [b"", GET[:-2], STUCK + LENGTH + b"\r\n", STUCK + b"Content-Length: 99999\r\n\r\n" + bytes(9)],
    ids=["no head", "head", "held body", "body"],
)
def test_stalled_clients_give_way(half: bytes) -> None:
    """One of them for a place, and the others stay."""
    with (
        front_end(HANDLER, options=["--connections=10"]) as server,
        contextlib.ExitStack() as stack,
    ):
        stalled = [stack.enter_context(server.connect()) for _ in range(10)]
        for sock in stalled:
            sock.sendall(half)
        for _ in range(5):
            assert_serves(server)
        (gone,) = select.select(stalled, [], [], DEADLINE)[0]
        reply = read_to_end(gone)
        assert reply.startswith(b"HTTP/1.1 408 ") or not half


def test_a_client_that_does_not_read_gives_way() -> None:
    """One of them for a place, and its handler learns of it; the others get all."""
    with (
        front_end(HANDLER, options=["--connections=3"]) as server,
        contextlib.ExitStack() as stack,
    ):
        clients = [stack.enter_context(server.connect()) for _ in range(3)]
        for number, sock in enumerate(clients):
            sock.sendall(b"GET /length/%d?20000000 HTTP/1.1\r\nHost: a\r\n\r\n" % number)
            assert sock.recv(1, socket.MSG_PEEK)
        assert_serves(server)
        server.wait_for_log("stopped length/")
        (gone,) = re.findall(r"stopped length/(\d)", server.log)
        del clients[int(gone)]
        for sock in clients:
            assert len(Reader(sock).reply().body) == 20_000_000


def test_idle_clients_give_way_first() -> None:
    with (
        front_end(HANDLER, options=["--connections=3"]) as server,
        contextlib.ExitStack() as stack,
    ):
        half = stack.enter_context(server.connect())
        half.sendall(GET[:-2])
        idle = stack.enter_context(server.connect())
        idle.sendall(GET)
        reader = Reader(idle)
        assert reader.reply().status == 200
        working = stack.enter_context(server.connect())
        working.sendall(STUCK + b"\r\n")
        server.wait_for_log("waiting")
        assert_serves(server)
        assert reader.at_end()
        half.sendall(GET[-2:])
        assert Reader(half).reply().status == 200


def test_a_client_whose_request_is_there_does_not_give_way() -> None:
    """However many come at once, all those that have sent theirs are served."""
    with front_end(HANDLER, options=["--connections=2"]) as server, contextlib.ExitStack() as stack:
        clients = []
        for _ in range(50):
            clients.append(stack.enter_context(server.connect()))
            clients[-1].sendall(GET)  # at once: one that sends nothing for a second may give way
        for sock in clients:
            assert Reader(sock).reply().status == 200


def test_a_client_that_asks_on_and_on_makes_room(fifo: Path) -> None:
    """After a response; the requests that it has sent ahead are another connection's."""
    ahead = 50
    with (
        front_end(HANDLER, options=["--connections=1"]) as server,
        server.connect() as busy,
        server.connect() as new,
    ):
        busy.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode() + GET * ahead)
        server.wait_for_log("waiting")
        new.sendall(GET_ONCE)
        fifo.write_bytes(b"x")
        assert read_to_end(new).startswith(b"HTTP/1.1 200 ")
        assert 1 <= read_to_end(busy).count(b"HTTP/1.1 200 ") < ahead


def test_connections_of_one_address() -> None:
    with (
        front_end(HANDLER, options=["--connections-per-address=2"]) as server,
        contextlib.ExitStack() as stack,
    ):
        other = socket.create_connection(
            ("127.0.0.1", server.port), timeout=DEADLINE, source_address=("127.0.0.2", 0)
        )
        stack.enter_context(other)
        assert status(other) == 200
        first, second = (stack.enter_context(server.connect()) for _ in range(2))
        assert (status(first), status(second)) == (200, 200)
        refused = server.exchange(b"")
        assert refused.startswith(b"HTTP/1.1 503 ")
        assert b"your address" in refused
        first.sendall(GET_ONCE)
        assert read_to_end(first)
        first.close()
        assert status(stack.enter_context(server.connect())) == 200

"""Bodies through ashd-htparser: back-pressure both ways, and clients that leave."""

from __future__ import annotations

import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ashdtest.frontend import HANDLER, FrontEnd, front_end, read_to_end
from ashdtest.http import Reader
from ashdtest.processes import forget_peak, peak_resident_kib, wait_until

GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
GIB = 1 << 30
LARGE = GIB // 4
ROOM_KIB = 16 * 1024  # what memory may grow by, whatever the size of a body
ZEROS = bytes(1 << 18)


@pytest.fixture(scope="module")
def running() -> Iterator[FrontEnd]:
    with front_end(HANDLER) as server:
        server.exchange(GET.replace(b"1.1", b"1.0"))
        yield server


@pytest.fixture
def server(running: FrontEnd) -> FrontEnd:
    """One for all tests, with log and peak of memory of their own."""
    forget_peak(running.pid)
    return running.from_now_on()


def send_until_blocked(sock: socket.socket, limit: int) -> int:
    """Send until the other side takes no more for a while; return the number of bytes."""
    sock.settimeout(0.5)
    sent = 0
    try:
        while sent < limit:
            sent += sock.send(ZEROS)
    except TimeoutError:
        pass
    finally:
        sock.settimeout(20)
    return sent


def unread(server: FrontEnd, sock: socket.socket) -> int:
    """Return how many bytes of a connection the front end has not read yet."""
    ports = (server.port, sock.getsockname()[1])
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        local, remote, _, queues = line.split()[1:5]
        if tuple(int(end.partition(":")[2], 16) for end in (local, remote)) == ports:
            return int(queues.partition(":")[2], 16)
    raise AssertionError("there is no such connection")


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_large_upload(server: FrontEnd, coding: str) -> None:
    before = peak_resident_kib(server.pid)
    with server.connect() as sock:
        head = b"POST /count HTTP/1.1\r\nHost: a\r\n"
        if coding == "length":
            sock.sendall(head + b"Content-Length: %d\r\n\r\n" % LARGE)
            for _ in range(LARGE // len(ZEROS)):
                sock.sendall(ZEROS)
        else:
            sock.sendall(head + b"Transfer-Encoding: chunked\r\n\r\n")
            chunk = b"%x\r\n%b\r\n" % (len(ZEROS), ZEROS)
            for _ in range(LARGE // len(ZEROS)):
                sock.sendall(chunk)
            sock.sendall(b"0\r\n\r\n")
        assert Reader(sock).reply().body == b"%d" % LARGE
    assert peak_resident_kib(server.pid) - before < ROOM_KIB


@pytest.mark.parametrize("coding", ["length", "chunked"])
def test_a_large_download(server: FrontEnd, coding: str) -> None:
    before = peak_resident_kib(server.pid)
    received = 0
    buffer = bytearray(1 << 18)
    with server.connect() as sock:
        sock.sendall(b"GET /%b?%d HTTP/1.0\r\n\r\n" % (coding.encode(), LARGE))
        while size := sock.recv_into(buffer):
            received += size
    assert 0 < received - LARGE < 1000
    assert peak_resident_kib(server.pid) - before < ROOM_KIB


def test_a_client_that_does_not_read(server: FrontEnd) -> None:
    before = peak_resident_kib(server.pid)
    with server.connect() as sock:
        sock.sendall(b"GET /length/slow?%d HTTP/1.1\r\nHost: a\r\n\r\n" % GIB)
        reader = Reader(sock)
        reader.until(b"\r\n\r\n")
        for _ in range(50):  # others are served all the while
            assert server.exchange(GET.replace(b"1.1", b"1.0")).startswith(b"HTTP/1.1 200")
        assert peak_resident_kib(server.pid) - before < ROOM_KIB
    server.wait_for_log("stopped length/slow")


def test_a_handler_that_does_not_read(server: FrontEnd, fifo: Path) -> None:
    before = peak_resident_kib(server.pid)
    with server.connect() as sock:
        path = str(fifo).encode()
        size = GIB // 8
        sock.sendall(
            b"POST /gate?%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % (path, size)
        )
        server.wait_for_log("waiting")
        sent = send_until_blocked(sock, size)
        assert sent < size
        assert peak_resident_kib(server.pid) - before < ROOM_KIB
        fifo.write_bytes(b"size ")
        while sent < size:
            sent += sock.send(ZEROS[: size - sent])
        assert Reader(sock).reply().body == b"size %d" % size
        sock.sendall(GET)
        assert Reader(sock).reply().status == 200


def test_a_handler_that_wants_no_body(server: FrontEnd, fifo: Path) -> None:
    """The body is thrown away, and the handler's answer counts."""
    size = GIB // 128
    with server.connect() as sock:
        reader = Reader(sock)
        sock.sendall(
            b"POST /deaf?%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
            % (str(fifo).encode(), size)
        )
        server.wait_for_log("waiting")
        sock.sendall(bytes(size))
        fifo.write_bytes(b"no, thanks")
        assert reader.reply().body == b"no, thanks"
        sock.sendall(GET)
        assert reader.reply().status == 200


def test_what_a_handler_writes_after_its_response_is_dropped(server: FrontEnd) -> None:
    """Even while the body is still to come, so that the response socket is in use."""
    size = GIB // 1024
    with server.connect() as sock:
        reader = Reader(sock)
        sock.sendall(b"POST /surplus HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        assert reader.reply().body == b"abc"
        sock.sendall(b"x")
        server.wait_for_log("surplus")
        assert server.exchange(GET.replace(b"1.1", b"1.0"))
        sock.sendall(bytes(size - 1) + GET)
        assert reader.reply().body.startswith(b"GET\n")


def test_held_bodies_that_no_socket_takes_at_once() -> None:
    """Whether the handler reads them before it answers, or after."""
    size = 3_000_000
    options = [f"--buffer-body={size}"]
    with front_end(HANDLER, options=options) as server, server.connect() as sock:
        reader = Reader(sock)
        for path, answer in ((b"count", b"%d" % size), (b"early_reader", b"early")):
            sock.sendall(b"POST /%b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n" % (path, size))
            sock.sendall(b"\r\n" + bytes(size))
            assert reader.reply().body == answer
        server.wait_for_log(f"read {size}")
        sock.sendall(GET)
        assert reader.reply().status == 200


def test_the_rest_of_a_body_while_the_front_end_stops() -> None:
    """It is taken though the response is complete, or a reset could destroy that."""
    size = GIB // 1024
    with front_end(HANDLER) as server, server.connect() as sock:
        reader = Reader(sock)
        sock.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        assert reader.reply().body == b"early"
        server.terminate()
        server.wait_until_closed()
        sock.sendall(bytes(size))
        assert reader.at_end()
        assert server.wait() == 0


def test_both_directions_at_once() -> None:
    """A handler that echoes as it reads, larger than all buffers on the way."""
    echo = """
from ashd.proto import recv_request
request = recv_request()
request.socket.sendall(b"HTTP/1.1 200 OK\\n\\n")
while piece := request.socket.recv(1 << 16):
    request.socket.sendall(piece)
"""
    size = 64 << 20
    with front_end([sys.executable, "-c", echo], status=None) as server, server.connect() as sock:
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % size)
        sender = threading.Thread(target=sock.sendall, args=(bytes(size),))
        sender.start()
        assert len(Reader(sock).reply().body) == size
        sender.join()


def test_pipelined_requests_are_held_within_a_bound(server: FrontEnd, fifo: Path) -> None:
    before = peak_resident_kib(server.pid)
    with server.connect() as sock:
        sock.sendall(b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode())
        server.wait_for_log("waiting")
        sock.settimeout(0.5)
        request = GET.replace(b"Host", b"Padding: " + b"x" * 8000 + b"\r\nHost")
        requests, sent, limit = request * 100, 0, 200 << 20
        try:
            while sent < limit:
                sent += sock.send(requests[sent % len(requests) :])
        except TimeoutError:
            pass
        assert sent < limit
        assert peak_resident_kib(server.pid) - before < ROOM_KIB
        sock.settimeout(20)
        fifo.write_bytes(b"x")
        reader = Reader(sock)
        assert reader.reply().body == b"x0"
        for _ in range(sent // len(request)):
            assert reader.reply().status == 200


def test_pipelined_requests_wait_for_the_response_before_them(server: FrontEnd, fifo: Path) -> None:
    with server.connect() as sock:
        first = b"GET /gate?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode()
        sock.sendall(first + b"GET /stuck HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_log("waiting")
        sock.sendall(GET)
        assert server.exchange(GET.replace(b"1.1", b"1.0"))
        assert server.log.count("waiting") == 1
        fifo.write_bytes(b"x")
        assert Reader(sock).reply().status == 200
        wait_until(lambda: server.log.count("waiting") == 2)


def test_a_client_that_leaves_while_the_handler_works(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /wait/a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx")
        server.wait_for_log("waiting")
    server.wait_for_log("left wait/a")


def test_a_client_that_shuts_its_sending_side_down_has_left(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"GET /wait/b HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_log("waiting")
        sock.shutdown(socket.SHUT_WR)
        server.wait_for_log("left wait/b")


@pytest.mark.parametrize("reset", [False, True])
def test_a_client_that_leaves_while_its_body_is_not_being_read(
    server: FrontEnd, reset: bool
) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /stuck/c HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % GIB)
        server.wait_for_log("waiting")
        if reset:  # it reaches the other side in front of whatever is still to be sent
            assert send_until_blocked(sock, GIB) < GIB
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        else:
            while unread(server, sock) < 1 << 15:  # more, and not even the end could be sent
                sock.sendall(bytes(1 << 13))
    server.wait_for_log("left stuck/c")


def test_a_client_that_leaves_while_it_is_ahead(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"GET /stuck/d HTTP/1.1\r\nHost: a\r\n\r\n")
        server.wait_for_log("waiting")
        sock.sendall(GET * 3000)  # beyond what is held
    server.wait_for_log("left stuck/d")


@pytest.mark.parametrize("framing", [b"Content-Length: 99999", b"Transfer-Encoding: chunked"])
def test_a_client_that_leaves_in_its_body(server: FrontEnd, framing: bytes) -> None:
    with server.connect() as sock:
        head = b"POST /count HTTP/1.1\r\nHost: a\r\n" + framing + b"\r\n\r\n"
        sock.sendall(head + b"18000\r\n" + bytes(80000))  # more than is held
    server.wait_for_log("cut count ")


def test_a_client_that_resets_while_it_is_answered(server: FrontEnd) -> None:
    sock = server.connect()
    sock.sendall(b"GET /chunked/e?%d HTTP/1.1\r\nHost: a\r\n\r\n" % GIB)
    sock.recv(100)
    sock.close()  # with unread bytes: a reset
    server.wait_for_log("stopped chunked/e")


def test_a_response_begins_before_its_end(server: FrontEnd, fifo: Path) -> None:
    with server.connect() as sock:
        sock.sendall(b"GET /stream?%b HTTP/1.1\r\nHost: a\r\n\r\n" % str(fifo).encode())
        reader = Reader(sock)
        reader.until(b"6\r\nbegin \r\n")
        fifo.write_bytes(b"end")
        assert reader.until(b"0\r\n\r\n") == b"3\r\nend\r\n0\r\n\r\n"


def test_a_body_that_turns_bad_cuts_a_response_that_has_begun() -> None:
    with front_end(HANDLER, options=["--buffer-body=0"]) as server, server.connect() as sock:
        sock.sendall(b"POST /stuck HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n")
        assert Reader(sock).reply().status == 400
        server.wait_for_log("left stuck")
    with front_end(HANDLER, options=["--buffer-body=0"]) as server, server.connect() as sock:
        sock.sendall(b"POST /lull HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert sock.recv(1 << 16).startswith(b"HTTP/1.1 200 OK\r\n")
        sock.sendall(b"zz\r\n")
        assert not read_to_end(sock).endswith(b"0\r\n\r\n")

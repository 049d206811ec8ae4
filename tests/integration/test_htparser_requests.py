"""One connection after another to ashd-htparser: statuses, framing, and what stays of bad input."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from ashdtest.corpus import all_cases
from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.http import Reader
from ashdtest.processes import descriptor_count, wait_until

GET = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
POST = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%b"


@pytest.fixture(scope="module")
def server() -> Iterator[FrontEnd]:
    with front_end(HANDLER, options=["--body-size=300000000"]) as running:
        yield running


def raw(content: bytes) -> bytes:
    """Return a request for a response that consists of exactly these bytes."""
    return POST % (len(content), content)


def status(server: FrontEnd, request: bytes) -> int:
    with server.connect() as sock:
        sock.sendall(request)
        reader = Reader(sock)
        reply = reader.reply(head_only=request.startswith(b"HEAD"))
        if reply.status >= 400:
            assert {"date", "server"} < reply.headers.keys()
            assert reply.headers["connection"] == "close"
            assert reader.at_end()
        return reply.status


def test_what_follows_a_refused_request_is_not_served(server: FrontEnd) -> None:
    reply = server.exchange(b"GET / HTTP/1.1\r\nHost: a\r\nA : b\r\n\r\n" + GET)
    assert reply.startswith(b"HTTP/1.1 400 ")
    assert reply.count(b"HTTP/1.1") == 1


def test_error_pages_of_head_requests_have_no_body(server: FrontEnd) -> None:
    for beginning in (b" HTTP/1.1\r\n\r\n", b" HTTP/1.1\n"):  # the second one isn't whole
        reply = server.exchange(b"HEAD /" + beginning)
        assert reply.startswith(b"HTTP/1.1 400 ")
        assert reply.endswith(b"\r\n\r\n")


def test_a_body_beyond_the_limit(server: FrontEnd) -> None:
    assert (
        status(server, b"PUT /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 300000001\r\n\r\n") == 413
    )


def test_a_chunked_body_beyond_the_limit(server: FrontEnd) -> None:
    head = b"PUT /count/413 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
    first = b"48000\r\n" + bytes(0x48000)  # more than is read at once
    assert status(server, head + first + b"\r\n11e1a301\r\nabc") == 413
    server.wait_for_log("cut count/413 ")


@pytest.mark.parametrize(
    "content",
    [b"hello\n\n", b"HTTP/1.1 200 OK\n", b"HTTP/1.1 200 OK\nA\n\n", b"HTTP/1.1 101 Upgrade\n\n"],
)
def test_responses_that_are_no_http(server: FrontEnd, content: bytes) -> None:
    assert status(server, raw(content)) == 502


def test_a_handler_that_answers_nothing(server: FrontEnd) -> None:
    assert status(server, b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n") == 502
    assert status(server, b"HEAD /silent HTTP/1.1\r\nHost: a\r\n\r\n") == 502
    unread = b"POST /silent HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
    assert status(server, unread) == 502


def test_an_unknown_method_reaches_the_handler(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"BREW /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        assert Reader(sock).reply().body.startswith(b"BREW\n")


def test_byte_by_byte(server: FrontEnd) -> None:
    chunks = b"3\r\nabc\r\n3;x\r\ndef\r\n0\r\nT: u\r\n\r\n"
    request = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
    with server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for i in range(len(request)):
            sock.sendall(request[i : i + 1])
        assert Reader(sock).reply().body.endswith(b"\n\nabcdef")


def test_expect_continue(server: FrontEnd) -> None:
    expect = b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"
    with server.connect() as sock:
        reader = Reader(sock)
        sock.sendall(expect)
        assert reader.reply().status == 100
        sock.sendall(b"abc")
        assert reader.reply().body.endswith(b"\n\nabc")
        sock.sendall(expect + b"abc")  # the body is there: nobody waits for a 100
        assert reader.reply().status == 200


def test_expect_continue_without_a_body(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"GET /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n")
        assert Reader(sock).reply().status == 200


def test_interim_responses(server: FrontEnd) -> None:
    content = b"HTTP/1.1 103 Early Hints\nLink: b\n\nHTTP/1.1 200 OK\nContent-Length: 1\n\nc"
    with server.connect() as sock:
        reader = Reader(sock)
        sock.sendall(raw(content))
        assert reader.reply().headers == {"link": "b"}
        assert reader.reply().body == b"c"


def test_connections_of_http_10(server: FrontEnd) -> None:
    with server.connect() as sock:
        reader = Reader(sock)
        for _ in range(2):
            sock.sendall(b"GET /echo HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            assert reader.reply().headers["connection"] == "keep-alive"
        sock.sendall(b"GET /echo HTTP/1.0\r\n\r\n")
        assert reader.reply().headers["connection"] == "close"
        assert reader.at_end()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET /echo HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        raw(b"HTTP/1.1 200 OK\nConnection: close\nContent-Length: 2\n\nab"),
    ],
    ids=["client", "handler"],
)
def test_close(server: FrontEnd, request_: bytes) -> None:
    with server.connect() as sock:
        sock.sendall(request_)
        reader = Reader(sock)
        assert reader.reply().headers["connection"] == "close"
        assert reader.at_end()


@pytest.mark.parametrize("code", [b"204 No Content", b"304 Not Modified"])
def test_statuses_without_a_body_leave_the_connection_usable(server: FrontEnd, code: bytes) -> None:
    with server.connect() as sock:
        sock.sendall(raw(b"HTTP/1.1 " + code + b"\nContent-Length: 0\n\n") + GET)
        reader = Reader(sock)
        assert reader.reply().headers.keys() == {"date", "server"}
        assert reader.reply().status == 200


def test_head_leaves_the_handler_in_peace(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"HEAD /chunked/head?500000 HTTP/1.1\r\nHost: a\r\n\r\n" + GET)
        reader = Reader(sock)
        assert reader.reply(head_only=True).status == 200
        assert reader.reply().status == 200
    assert "stopped chunked/head" not in server.log


def test_head_with_a_body_that_the_handler_does_not_read(server: FrontEnd) -> None:
    with server.connect() as sock:
        reader = Reader(sock)
        for _ in range(3):
            sock.sendall(b"HEAD /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc")
            assert reader.reply(head_only=True).status == 200
        sock.sendall(GET)
        assert reader.reply().status == 200


def test_heads_of_endless_responses_take_no_descriptors(server: FrontEnd) -> None:
    before = descriptor_count(server.pid)
    with server.connect() as sock:
        reader = Reader(sock)
        for _ in range(200):
            sock.sendall(b"HEAD /lull HTTP/1.1\r\nHost: a\r\n\r\n")
            assert reader.reply(head_only=True).status == 200
        assert descriptor_count(server.pid) < before + 100


def test_a_handlers_own_transfer_coding(server: FrontEnd) -> None:
    chunks = b"2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n"
    with server.connect() as sock:
        sock.sendall(raw(b"HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n" + chunks))
        reader = Reader(sock)
        reply_head = reader.until(b"\r\n\r\n")
        assert b"\r\nConnection: close\r\n" in reply_head
        assert reader.exactly(len(chunks)) == chunks
        assert reader.at_end()


def test_a_cut_response_to_http_10_is_a_reset(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"POST /cut HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc")
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: sock.recv(1000), b""))


def test_an_answer_before_the_body(server: FrontEnd) -> None:
    """The connection goes on when the rest of the body is there soon enough."""
    head = b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n"
    with server.connect() as sock:
        reader = Reader(sock)
        sock.sendall(head)
        assert reader.reply().body == b"early"
        sock.sendall(b"x" * 3_000_000 + GET)
        assert reader.reply().body.startswith(b"GET\n")


def test_a_body_behind_its_answer(server: FrontEnd) -> None:
    """The handler gets all of it, and the next request waits for that."""
    with server.connect() as sock:
        reader = Reader(sock)
        sock.sendall(b"POST /early_reader HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n")
        assert reader.reply().body == b"early"
        sock.sendall(b"x" * 3_000_000 + GET)
        assert reader.reply().body.startswith(b"GET\n")
    server.wait_for_log("read 3000000")


def test_ipv6(server: FrontEnd) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 on this machine")
    with server.connect("::1") as sock:
        sock.sendall(GET)
        lines = Reader(sock).reply().body.split(b"\n")
    assert b"X-Ash-Address: ::1" in lines
    assert b"X-Ash-Server-Address: ::1" in lines


def test_small_responses_are_not_delayed(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        reader = Reader(sock)
        for _ in range(100):  # with Nagle's algorithm each of them takes 40 ms
            sock.sendall(b"GET /chunked?1 HTTP/1.1\r\nHost: a\r\n\r\n")
            assert reader.reply().body == b"0"


@pytest.fixture
def fresh_server() -> Iterator[FrontEnd]:
    """A front end that has no connections left of other tests, which would be counted."""
    with front_end(HANDLER) as running:
        yield running


def test_descriptors_after_many_requests(fresh_server: FrontEnd) -> None:
    server = fresh_server
    requests = [case.data for case in all_cases().values()]
    requests += [GET, b"GET /silent HTTP/1.1\r\nHost: a\r\n\r\n", raw(b"nonsense"), b"GET"]
    requests += [b"POST /cut HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na"]
    server.exchange(GET.replace(b"1.1", b"1.0"))
    wait_until(lambda: descriptor_count(server.handler_pid) == 3)  # it closes after the answer
    before = [descriptor_count(pid) for pid in (server.pid, server.handler_pid)]
    for _ in range(2000 // len(requests) + 1):
        for request in requests:
            with server.connect() as sock:
                sock.sendall(request.replace(b"/ HTTP/1.", b"/echo HTTP/1."))
    wait_until(
        lambda: [descriptor_count(pid) for pid in (server.pid, server.handler_pid)] == before,
        what=f"{before} descriptors",
    )

"""What every front end does with a request and its response."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from http.client import HTTPConnection

import pytest

from ashdtest.frontend import FRONT_ENDS, HANDLER, FrontEnd, front_end
from ashdtest.http import Reader
from ashdtest.processes import DEADLINE

TEXT = {"Content-Type": "text/plain"}


@pytest.fixture(params=FRONT_ENDS, scope="module")
def server(request: pytest.FixtureRequest) -> Iterator[FrontEnd]:
    with front_end(HANDLER, name=request.param) as running:
        yield running


def fetch(
    server: FrontEnd,
    target: str,
    body: bytes | Iterable[bytes] | None = None,
    headers: Mapping[str, str] | None = None,
) -> bytes:
    """Return the body of a response; a request's body in pieces goes out chunked."""
    method = "GET" if body is None else "POST"
    connection = HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
    with closing(connection):
        connection.request(method, target, body, headers or {})
        response = connection.getresponse()
        assert response.status == 200
        return response.read()


def test_get(server: FrontEnd) -> None:
    lines = fetch(server, "/echo/b%20c?d=e").split(b"\n")
    assert lines[:4] == [b"GET", b"/echo/b%20c?d=e", b"HTTP/1.1", b"echo/b%20c"]
    assert b"X-Ash-Address: 127.0.0.1" in lines
    assert b"X-Ash-Server-Address: 127.0.0.1" in lines
    assert b"X-Ash-Server-Port: %d" % server.port in lines
    assert b"X-Ash-Protocol: http" in lines
    assert any(line.startswith(b"X-Ash-Port: ") for line in lines)


def test_headers_for_handlers_cannot_be_forged(server: FrontEnd) -> None:
    output = fetch(server, "/echo", headers={"X-Ash-Address": "192.0.2.1"})
    assert b"192.0.2.1" not in output


def test_post(server: FrontEnd) -> None:
    assert fetch(server, "/echo", b"name=value", TEXT).endswith(b"\n\nname=value")


def test_chunked_post(server: FrontEnd) -> None:
    assert fetch(server, "/echo", iter([b"a=", b"b"]), TEXT).endswith(b"\n\na=b")


def test_large_bodies(server: FrontEnd) -> None:
    assert fetch(server, "/count", itertools.repeat(bytes(100_000), 300), TEXT) == b"30000000"
    assert len(fetch(server, "/length?30000000")) == 30_000_000
    assert len(fetch(server, "/chunked?30000000")) == 30_000_000


def test_connections_are_kept(server: FrontEnd) -> None:
    with server.connect() as sock:
        reader = Reader(sock)
        for n in range(3):
            sock.sendall(b"GET /echo/%d HTTP/1.1\r\nHost: a\r\n\r\n" % n)
            assert reader.reply().body.split(b"\n")[3] == b"echo/%d" % n


def test_one_connection_id_a_connection(server: FrontEnd) -> None:
    request = b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n"
    seen = []
    for _ in range(2):
        with server.connect() as sock:
            reader = Reader(sock)
            for _ in range(2):
                sock.sendall(request)
                lines = reader.reply().body.split(b"\n")
                seen += [line for line in lines if line.startswith(b"X-Ash-Connection-ID: ")]
    assert seen[0] == seen[1] != seen[2] == seen[3]


def test_pipelining(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"".join(b"GET /echo/%d HTTP/1.1\r\nHost: a\r\n\r\n" % n for n in range(20)))
        reader = Reader(sock)
        for n in range(20):
            assert reader.reply().body.split(b"\n")[3] == b"echo/%d" % n


def test_head(server: FrontEnd) -> None:
    with server.connect() as sock:
        sock.sendall(b"HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        reader = Reader(sock)
        assert int(reader.reply(head_only=True).headers["content-length"]) > 0
        assert reader.reply().body.startswith(b"GET\n")


def test_http_10(server: FrontEnd) -> None:
    reply = server.exchange(b"GET /echo HTTP/1.0\r\n\r\n")
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert b"\r\n\r\nGET\n/echo\nHTTP/1.0\necho\n" in reply


def test_http_10_without_length(server: FrontEnd) -> None:
    head, _, body = server.exchange(b"GET /chunked?5 HTTP/1.0\r\n\r\n").partition(b"\r\n\r\n")
    assert b"chunked" not in head
    assert body == b"01234"


def test_a_response_longer_than_its_length(server: FrontEnd) -> None:
    content = b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabcdef"
    with server.connect() as sock:
        post = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Type: x/y\r\nContent-Length: %d\r\n\r\n"
        sock.sendall(post % len(content) + content + b"GET /echo HTTP/1.1\r\nHost: a\r\n\r\n")
        reader = Reader(sock)
        assert reader.reply().body == b"abc"
        assert reader.reply().body.startswith(b"GET\n")


def test_a_response_shorter_than_its_length_closes(server: FrontEnd) -> None:
    content = b"HTTP/1.1 200 OK\nContent-Length: 9\n\nabc"
    post = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Type: x/y\r\nContent-Length: %d\r\n\r\n"
    assert server.exchange(post % len(content) + content).endswith(b"\r\n\r\nabc")


def test_a_response_cut_without_length_has_no_end(server: FrontEnd) -> None:
    post = b"POST /cut HTTP/1.1\r\nHost: a\r\nContent-Type: x/y\r\nContent-Length: 5\r\n\r\nhello"
    reply = server.exchange(post)
    assert b"chunked" in reply
    assert not reply.endswith(b"0\r\n\r\n")
    assert b"abc" in reply


def test_a_client_that_leaves_in_its_body(server: FrontEnd, request: pytest.FixtureRequest) -> None:
    name = request.node.callspec.id
    with server.connect() as sock:
        head = (
            b"POST /count/%b HTTP/1.1\r\nHost: a\r\nContent-Type: x/y\r\n"
            b"Content-Length: 99999\r\n\r\n"  # more than ours holds until it is whole
        )
        sock.sendall(head % name.encode() + b"abc")
    server.wait_for_log(f"cut count/{name} 3")

"""Bodies that were cut, and those that the reference front end withholds."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ashd.proto import Request, send_request
from ashd.wsgi import CutBodyError
from ashdtest.bodies import CHUNKED, TEXT, Pairs, declared, reading
from ashdtest.commands import command, each_model, module
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all, running
from ashdtest.processes import DEADLINE, state, wait_until

# Cut bodies. The front end closes its end when the client goes away: then nobody is there to see
# the answer, and the application's log tells what it got.


def reads_of_cut_body(way: str, headers: Pairs, sent: bytes, *, close: bool) -> list[str]:
    seen: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        for read in (stream.read, stream.read, lambda: stream.read(1), stream.readline):
            try:
                seen.append(repr(read()))
            except CutBodyError as error:
                seen.append(str(error))
        start_response("200 OK", [])
        return []

    with served(application, way) as server:
        client = server.open(method=b"POST", headers=headers)
        client.sendall(sent)
        if close:
            client.close()
        else:
            client.shutdown(socket.SHUT_WR)
            read_all(client)
    return seen


@pytest.mark.parametrize(
    ("headers", "sent", "close"),
    [
        (declared(10), b"", True),
        (declared(10), b"five!", True),
        (declared(10), b"five!", False),
        (declared(10), b"", False),
        (CHUNKED, b"", True),
        (CHUNKED, b"five!", True),
    ],
)
def test_a_cut_body_is_never_a_clean_end(
    way: str, headers: Pairs, sent: bytes, close: bool
) -> None:
    seen = reads_of_cut_body(way, headers, sent, close=close)
    assert all(text.startswith("the request's body was cut after") for text in seen), seen
    assert f"after {len(sent)} of 10 bytes" in seen[0] or headers is CHUNKED


@pytest.mark.parametrize(
    ("headers", "sent", "close"),
    [
        (declared(5), b"five!", True),  # whole: that the client has gone is another matter
        (declared(5), b"five!", False),
        (CHUNKED, b"five!", False),
        (CHUNKED, b"", False),
    ],
)
def test_a_whole_body_ends_cleanly(way: str, headers: Pairs, sent: bytes, close: bool) -> None:
    seen = reads_of_cut_body(way, headers, sent, close=close)
    assert seen == [repr(sent), "b''", "b''", "b''"]


def test_lines_before_the_cut_are_delivered(way: str) -> None:
    lines: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        lines.extend(environ["wsgi.input"])
        raise AssertionError("the end was clean")

    with served(application, way) as server, server.open(headers=CHUNKED) as client:
        client.sendall(b"one\ntwo\nthr")
    assert lines == [b"one\n", b"two\n"]


def test_a_cut_body_that_nobody_catches_is_no_error_of_the_application(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        raise AssertionError("the end was clean")

    with (
        served(application, way) as server,
        server.open(method=b"POST", headers=declared(10)) as client,
    ):
        client.sendall(b"five!")
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]


# Requests whose body the reference front end withholds and takes for the next request


WITHHELD: dict[str, Pairs] = {
    "length without type": [(b"Content-Length", b"5")],
    "chunked without type": [(b"Transfer-Encoding", b"chunked")],
    "length and coding": [*declared(5), (b"Transfer-Encoding", b"chunked")],
    "the same length twice": [*declared(5), (b"Content-Length", b"5")],
    "other coding": [*TEXT, (b"Transfer-Encoding", b"gzip, chunked")],
    "coding twice": [*CHUNKED, (b"Transfer-Encoding", b"chunked")],
    "identity": [*TEXT, (b"Transfer-Encoding", b"identity")],
}


@pytest.mark.parametrize("name", WITHHELD)
def test_a_withheld_body_is_empty_and_the_connection_closes(serve: Serve, name: str) -> None:
    server = serve(reading(lambda stream: stream.read()))
    with server.open(method=b"POST", headers=WITHHELD[name]) as client:
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(repr(b"").encode())


@pytest.mark.parametrize("name", WITHHELD)
def test_the_same_body_can_be_read_when_it_comes(serve: Serve, name: str) -> None:
    server = serve(reading(lambda stream: stream.read()))
    with server.open(method=b"POST", headers=WITHHELD[name]) as client:
        client.sendall(b"five!")
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert b"\r\nConnection: close\r\n" not in answer
    assert answer.endswith(repr(b"five!").encode())


def test_a_failure_closes_a_doubtful_connection_too(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("as planned")

    server = serve(application)
    with server.open(method=b"POST", headers=WITHHELD["length without type"]) as client:
        client.shutdown(socket.SHUT_WR)
        assert b"\r\nConnection: close\r\n" in read_all(client)


def test_ordinary_requests_keep_the_connection(serve: Serve) -> None:
    server = serve(reading(lambda stream: None))
    assert server.call().get(b"Connection") is None
    assert server.call(method=b"POST", headers=TEXT, body=b"x").get(b"Connection") is None
    with server.open(method=b"POST", headers=CHUNKED) as client:
        client.shutdown(socket.SHUT_WR)
        assert b"Connection" not in read_all(client)


@pytest.mark.parametrize(
    "headers", [declared(5) + declared(6)[1:], [(b"Content-Length", b"x")], declared(10**19)]
)
def test_a_length_that_makes_no_sense_is_refused(serve: Serve, headers: Pairs) -> None:
    calls: list[object] = []
    server = serve(lambda environ, start_response: calls.append(environ))
    with server.open(method=b"POST", headers=headers) as client:
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert not calls


def test_a_body_that_ends_because_the_client_never_read_the_response(way: str) -> None:
    """The kernel resets such a connection: it is no clean end either."""
    gone = threading.Event()
    seen: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"piece")
        gone.wait(DEADLINE)
        try:
            environ["wsgi.input"].read()
        except CutBodyError as error:
            seen.append(str(error))
        return []

    with served(application, way) as server:
        with server.open(method=b"POST", headers=declared(10)) as client:
            client.recv(1, socket.MSG_PEEK)
        gone.set()
    assert [text.partition(":")[0] for text in seen] == [
        "the request's body was cut after 0 of 10 bytes"
    ]


ENDLESS = """
import itertools, sys
class Endless:
    def __iter__(self):
        return itertools.repeat(bytes(100_000))
    def close(self):
        sys.stderr.write("closed\\n")
def application(environ, start_response):
    start_response("200 OK", [])
    return Endless() if environ["REQUEST_METHOD"] == "POST" else [b"fine"]
"""


@each_model
def test_a_client_that_leaves_while_its_body_and_its_response_are_under_way(
    tmp_path: Path, model: str
) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, ENDLESS), "app")
    with running(argv) as handler:
        with handler.open(method=b"POST", headers=declared(10)) as client:
            client.recv(1, socket.MSG_PEEK)
            wait_until(lambda: state(handler.pid) == "S", what="it to wait for the client")
        assert handler.call().body == b"fine"
    assert handler.log == "closed\n"


def test_a_client_that_resets_its_connection_before_the_end_is_no_error(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A front end may pass the client's own connection on; TCP can't shut a reset one down."""
    gone = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield b"piece"
        assert gone.wait(DEADLINE)

    with served(application, way) as server:
        ours, theirs = tcp_pair()
        with ours:
            fields = declared(10)
            request = Request(b"POST", b"/", b"HTTP/1.1", b"", fields, theirs.detach())
            with request:
                send_request(server.socket, request)
            assert ours.recv(1)
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        gone.set()
        assert server.call(method=b"HEAD").status == 200
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]


def tcp_pair() -> tuple[socket.socket, socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ours = socket.create_connection(listening.getsockname())
        return ours, listening.accept()[0]


def test_a_client_that_leaves_the_response_unread_is_no_error(way: str) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [b"whole"]

    with served(application, way) as server:
        with server.open(method=b"POST", headers=declared(10)) as client:
            client.recv(1, socket.MSG_PEEK)
        assert server.call().body == b"whole"

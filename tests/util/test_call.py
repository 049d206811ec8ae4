"""Asking a handler as a front end would."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from ashd.proto import HandlerGoneError, ProtocolError, Request
from ashd.util import Response, call_handler, parse_response, respond, serve_loop

LARGE = 5_000_000


@contextmanager
def handler(function: Callable[[Request], object]) -> Iterator[socket.socket]:
    """Run a handler in a thread."""
    front, back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with front, back:
        thread = threading.Thread(target=serve_loop, args=(function, back))
        thread.start()
        try:
            yield front
        finally:
            front.close()
            thread.join(20)


def describe(request: Request) -> None:
    headers = b"".join(b"%b=%b;" % pair for pair in request.headers)
    parts = [request.method, request.url, request.version, request.rest, headers]
    respond(request, b" ".join([*parts, request.stream.read()]))


@pytest.mark.parametrize(
    ("url", "rest"), [(b"/", b""), (b"/a/b%20c?d=e?f", b"a/b%20c"), (b"*", b"*"), (b"//a", b"/a")]
)
def test_the_rest_string_is_what_a_front_end_makes_of_the_url(url: bytes, rest: bytes) -> None:
    with handler(lambda request: respond(request, request.url + b" " + request.rest)) as front:
        assert call_handler(front, url).body == url + b" " + rest


def test_everything_arrives() -> None:
    with handler(describe) as front:
        response = call_handler(
            front.fileno(), b"/a", method=b"PUT", headers=[(b"A", b"b")], body=b"body", rest=b"r"
        )
    assert response.body == b"PUT /a HTTP/1.1 r A=b;Content-Length=4; body"


def test_a_length_that_was_given_stays() -> None:
    with handler(describe) as front:
        response = call_handler(front, b"/", headers=[(b"content-length", b"4")], body=b"body")
    assert response.body == b"GET / HTTP/1.1  content-length=4; body"


def test_large_bodies_both_ways() -> None:
    with handler(lambda request: respond(request, request.stream.read())) as front:
        assert call_handler(front, b"/", body=b"x" * LARGE).body == b"x" * LARGE
    with handler(lambda request: respond(request, b"y" * LARGE)) as front:
        assert call_handler(front, b"/", body=b"x" * LARGE).body == b"y" * LARGE


def test_a_handler_that_reads_nothing() -> None:
    with handler(lambda request: respond(request, "enough")) as front:
        assert call_handler(front, b"/", body=b"x" * LARGE).body == b"enough"


def test_a_handler_that_answers_nothing() -> None:
    with handler(lambda request: None) as front, pytest.raises(ProtocolError, match="head"):
        call_handler(front, b"/")


def test_a_handler_that_takes_too_long() -> None:
    done = threading.Event()
    with handler(lambda request: done.wait(20)) as front:
        with pytest.raises(TimeoutError, match=r"0\.01 s"):
            call_handler(front, b"/", timeout=0.01)
        done.set()


def test_a_handler_that_is_gone() -> None:
    front, back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    back.close()
    with front, pytest.raises(HandlerGoneError):
        call_handler(front, b"/")


@pytest.mark.parametrize(
    ("data", "response"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", Response(200, b"OK", [], b"")),
        (b"HTTP/1.1 204\n\n", Response(204, b"", [], b"")),
        (
            b"HTTP/1.0 404 Not Found\nA:b\nC: \td \r\nA: \n\nbody\n\nmore",
            Response(404, b"Not Found", [(b"A", b"b"), (b"C", b"d"), (b"A", b"")], b"body\n\nmore"),
        ),
    ],
)
def test_responses(data: bytes, response: Response) -> None:
    assert parse_response(data) == response


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\n",
        b"\r\n\r\n",
        b"HTTP/1.1\n\n",
        b"200 OK\n\n",
        b"HTTP/1.1 2x\n\n",
        b"HTTP/1.1 200 OK\nno colon\n\n",
    ],
)
def test_what_is_no_response(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse_response(data)


def test_headers_of_a_response() -> None:
    response = parse_response(b"HTTP/1.1 200 OK\nA: one\na: two\n\n")
    assert response.get(b"a") == b"one"
    assert response.get(b"b") is None

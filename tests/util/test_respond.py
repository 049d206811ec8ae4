"""Whole responses, also where both sides write before they read."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator

import pytest

from ashd.proto import Request
from ashd.util import parse_response, respond, send_all
from ashdtest.handlers import read_all

LARGE = 5_000_000


Pair = tuple[socket.socket, Request]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours, Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()) as request:
        yield ours, request


def test_text(pair: Pair) -> None:
    client, request = pair
    respond(request, "Grüße")
    request.close()
    response = parse_response(read_all(client))
    assert (response.status, response.reason) == (200, b"OK")
    assert response.get(b"content-type") == b"text/html; charset=utf-8"
    assert response.get(b"Content-Length") == b"7"
    assert response.body == "Grüße".encode()


def test_bytes_status_and_type(pair: Pair) -> None:
    client, request = pair
    respond(request, b"\xff", "404 Not Found", "image/x")
    request.close()
    response = parse_response(read_all(client))
    assert (response.status, response.reason) == (404, b"Not Found")
    assert response.get(b"content-type") == b"image/x"
    assert response.body == b"\xff"


@pytest.mark.parametrize("bad", ["200 OK\r\nX: y", "200 OK\n", "200 \0"])
def test_control_characters_never_reach_the_head(pair: Pair, bad: str) -> None:
    client, request = pair
    with pytest.raises(ValueError, match="control characters"):
        respond(request, "", bad)
    with pytest.raises(ValueError, match="control characters"):
        respond(request, "", content_type=bad)
    request.close()
    assert read_all(client) == b""


def test_a_client_that_has_gone_away_is_no_error(pair: Pair) -> None:
    client, request = pair
    client.close()
    respond(request, b"x" * LARGE)


def test_a_client_that_goes_away_meanwhile_is_no_error(pair: Pair) -> None:
    client, request = pair

    def read_a_little() -> None:
        client.recv(100)
        client.close()

    thread = threading.Thread(target=read_a_little)
    thread.start()
    respond(request, b"x" * LARGE)
    thread.join()


def test_a_client_that_writes_all_before_it_reads(pair: Pair) -> None:
    client, request = pair
    thread = threading.Thread(target=respond, args=(request, b"y" * LARGE))
    thread.start()
    client.sendall(b"x" * LARGE)
    client.shutdown(socket.SHUT_WR)
    with client.makefile("rb") as stream:
        head = iter(stream.readline, b"\r\n")
        assert b"Content-Length: %d\r\n" % LARGE in list(head)
        assert stream.read(LARGE) == b"y" * LARGE
    thread.join(20)


def respond_and_close(request: Request, body: bytes) -> None:
    with request:
        respond(request, body)


def test_a_client_that_ends_its_body_and_reads_later(pair: Pair) -> None:
    client, request = pair
    client.shutdown(socket.SHUT_WR)
    thread = threading.Thread(target=respond_and_close, args=(request, b"y" * LARGE))
    thread.start()
    assert read_all(client).endswith(b"\r\n\r\n" + b"y" * LARGE)
    thread.join(20)


def test_send_all_tells_of_a_client_that_is_gone(pair: Pair) -> None:
    client, request = pair
    client.close()
    with pytest.raises(BrokenPipeError):
        send_all(request.socket, b"x")


def test_the_original_keyword_for_the_content_type(pair: Pair) -> None:
    client, request = pair
    with request:
        respond(request, "x", ctype="text/plain")
    assert b"\r\nContent-Type: text/plain\r\n" in read_all(client)

"""Handing requests to a handler, and what can be in the way of that."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
from collections.abc import Iterator

import pytest

from ashd.proto import (
    EncodeError,
    Error,
    HandlerGoneError,
    QueueFullError,
    Request,
    RequestTooLargeError,
    SendError,
    recv_request,
    send_request,
    sendreq,
)
from ashdtest.processes import descriptors

Wire = tuple[socket.socket, socket.socket]


@pytest.fixture
def wire() -> Iterator[Wire]:
    before = descriptors()
    front, back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with front, back:
        yield front, back
    assert descriptors() == before


@pytest.fixture
def request_() -> Iterator[Request]:
    ours, theirs = socket.socketpair()
    with ours, Request(b"GET", b"/a", b"HTTP/1.1", b"a", [], theirs.detach()) as request:
        yield request


@pytest.mark.parametrize("send", [send_request, sendreq])
def test_the_handler_gets_a_descriptor_of_its_own(
    wire: Wire, request_: Request, send: type
) -> None:
    send(wire[0], request_)
    received = recv_request(wire[1])
    assert received is not None
    with received:
        assert received.fileno() != request_.fileno()
        assert received.encode() == request_.encode()
    assert not request_.untouched
    assert request_.socket.send(b"still open") == 10


def test_by_number_of_the_descriptor(wire: Wire, request_: Request) -> None:
    send_request(wire[0].fileno(), request_)
    received = recv_request(wire[1].fileno())
    assert received is not None
    received.close()


def fill(sock: socket.socket, request: Request) -> int:
    for sent in itertools.count():
        try:
            send_request(sock, request, socket.MSG_DONTWAIT)
        except QueueFullError:
            return sent
    raise AssertionError


def test_a_full_queue(wire: Wire, request_: Request) -> None:
    front, back = wire
    sent = fill(front, request_)
    front.settimeout(0.001)
    with pytest.raises(QueueFullError, match="takes no more") as caught:
        send_request(front, request_)
    assert isinstance(caught.value, BlockingIOError)
    assert caught.value.status == 503
    for _ in range(sent):
        received = recv_request(back)
        assert received is not None
        received.close()
    send_request(front, request_)


def test_a_handler_that_is_gone(wire: Wire, request_: Request) -> None:
    wire[1].close()
    for _ in range(2):
        with pytest.raises(HandlerGoneError, match="closed") as caught:
            send_request(wire[0], request_)
        assert isinstance(caught.value, ConnectionError)
        assert caught.value.status == 502
        assert request_.untouched


def test_a_request_that_no_send_buffer_holds(wire: Wire, request_: Request) -> None:
    request_.headers.append((b"X", b"x" * (8 << 20)))
    with pytest.raises(RequestTooLargeError, match="SO_SNDBUF") as caught:
        send_request(wire[0], request_)
    assert caught.value.status == 431
    request_.headers.clear()
    send_request(wire[0], request_)


def test_a_request_that_cannot_be_expressed(wire: Wire, request_: Request) -> None:
    request_.headers.append((b"", b"x"))
    with pytest.raises(EncodeError):
        send_request(wire[0], request_)
    assert request_.untouched


def test_a_socket_that_leads_nowhere(request_: Request) -> None:
    unconnected = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with unconnected, pytest.raises(HandlerGoneError) as caught:
        send_request(unconnected, request_)
    assert isinstance(caught.value, Error)
    with pytest.raises(SendError, match="Bad file descriptor"):
        send_request(unconnected, request_)  # it is closed now


def test_a_closed_request_cannot_be_sent(wire: Wire, request_: Request) -> None:
    request_.close()
    with pytest.raises(ValueError, match="closed"):
        send_request(wire[0], request_)


FILLS_THE_QUEUE = """
import os, resource, socket
from ashd.proto import QueueFullError, Request, send_request

if os.geteuid() == 0:  # root is let off the limit
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
front, back = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
ours, theirs = socket.socketpair()
resource.setrlimit(resource.RLIMIT_NOFILE, (20, 20))
with front, back, ours, Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()) as request:
    try:
        while True:
            send_request(front, request, socket.MSG_DONTWAIT)
    except QueueFullError as error:
        print(error)
"""


def test_too_many_descriptors_on_their_way() -> None:
    done = subprocess.run(
        [sys.executable, "-c", FILLS_THE_QUEUE], stdout=subprocess.PIPE, text=True, check=True
    )
    assert "too many descriptors are on their way to handlers" in done.stdout

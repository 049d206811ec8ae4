"""Taking a client's byte stream over."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from ashd.proto import Request
from ashd.util import send_switch, switch_protocol
from ashdtest.cases import about
from ashdtest.processes import descriptors, no_descriptors

HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n"
SENT = b"HTTP/1.1 101 Switching Protocols\r\nX-Ash-Switch: duplex\r\nUpgrade: a\r\n\r\n"

Pair = tuple[socket.socket, Request]


@pytest.fixture
def pair() -> Iterator[Pair]:
    before = descriptors()
    ours, theirs = socket.socketpair()
    ours.settimeout(20)
    with ours, Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()) as request:
        yield ours, request
    assert descriptors() == before


def received(client: socket.socket) -> tuple[bytes, socket.socket]:
    """Return what comes first over a response socket, which nothing may follow."""
    data, (fd,), _, _ = socket.recv_fds(client, 1 << 16, 8)
    assert not client.recv(1)
    return data, socket.socket(fileno=fd)


def test_the_stream_is_the_callers(pair: Pair) -> None:
    client, request = pair
    with switch_protocol(request, HEAD) as stream:
        data, other = received(client)
        assert data == SENT
        with other:
            other.sendall(b"abc")
            assert stream.recv(10) == b"abc"
            stream.sendall(b"def")
            assert other.recv(10) == b"def"
        assert not stream.recv(10)
    with pytest.raises(ValueError):
        request.fileno()


def test_a_socket_that_is_there_stays_the_callers(pair: Pair) -> None:
    client, request = pair
    with socket.socket() as sock:
        send_switch(request, HEAD, sock)
        _, other = received(client)
        with other:
            assert os.path.sameopenfile(other.fileno(), sock.fileno())


def test_what_libraries_write(pair: Pair) -> None:
    """A reason may be missing, and lines end with LF or CR LF."""
    client, request = pair
    with switch_protocol(request, b"HTTP/1.1 101 \nA: b\n\n"):
        data, other = received(client)
        assert data == b"HTTP/1.1 101 \nX-Ash-Switch: duplex\r\nA: b\n\n"
        other.close()


def test_heads_that_are_not_a_switch(pair: Pair) -> None:
    _, request = pair
    for head in (
        b"",
        HEAD[:-2],
        HEAD + b"a",
        HEAD + HEAD,
        HEAD.replace(b"101", b"200"),
        b"GET / HTTP/1.1\r\n\r\n",
    ):
        with about(repr(head)), pytest.raises(ValueError, match="head"):
            switch_protocol(request, head)
    assert request.untouched


def test_no_descriptors_are_left(pair: Pair) -> None:
    _, request = pair
    with no_descriptors(), pytest.raises(OSError, match="files"):
        switch_protocol(request, HEAD)
    assert request.untouched


def test_a_client_that_is_gone(pair: Pair) -> None:
    client, request = pair
    client.close()
    with switch_protocol(request, HEAD) as stream:
        assert not stream.recv(1)

"""What lies in the root handler's socket, and nobody receives."""

from __future__ import annotations

import array
import select
import socket
from collections.abc import Iterator

import pytest

from ashd.htparser._keeper import Keeper, framing_header
from ashd.proto import encode_request
from ashdtest.processes import DEADLINE, descriptors

Socket = socket.socket


@pytest.fixture
def keeper() -> Iterator[Keeper]:
    before = descriptors()
    keeper = Keeper()
    yield keeper
    keeper.close()
    assert descriptors() == before


def send(keeper: Keeper, until: float | None) -> Socket:
    """Send a request that may wait until then; return the client's end of its response socket."""
    headers = [] if until is None else [framing_header(until)]
    datagram = encode_request(b"GET", b"/", b"HTTP/1.1", b"", headers)
    ours, theirs = socket.socketpair()
    ours.settimeout(DEADLINE)
    with theirs, keeper.new_sender() as sender:
        fds = array.array("i", [theirs.fileno()])
        sender.sendmsg([datagram], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
    return ours


def is_refused(client: Socket) -> bool:
    """Tell whether there is an answer, which must be 503."""
    if not select.select([client], [], [], 0)[0]:
        return False
    assert client.recv(1 << 16).startswith(b"HTTP/1.1 503 ")
    assert client.recv(1) == b""
    return True


def test_what_has_waited_for_too_long_is_taken_back(keeper: Keeper) -> None:
    with send(keeper, 10) as early, send(keeper, 20) as late:
        keeper.sweep(15)
        assert is_refused(early)
        assert not is_refused(late)
        keeper.sweep(25)
        assert is_refused(late)


def test_what_says_no_time_waits(keeper: Keeper) -> None:
    with send(keeper, None) as client:
        keeper.sweep(1e12)
        assert not is_refused(client)
        keeper.refuse()
        assert is_refused(client)


def test_all_is_refused_while_nobody_receives(keeper: Keeper) -> None:
    with send(keeper, 10) as one, send(keeper, 20) as other:
        send(keeper, 30).close()  # its client has left
        keeper.refuse()
        assert is_refused(one)
        assert is_refused(other)
        keeper.accept()
        with send(keeper, 10) as later:
            assert not is_refused(later)

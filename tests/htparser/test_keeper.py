"""What lies in the root handler's socket, and nobody receives."""

from __future__ import annotations

import array
import asyncio
import select
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from ashd.htparser._errors import StartError
from ashd.htparser._keeper import Keeper, framing_header
from ashd.htparser._limits import ACCEPT_BURST
from ashd.htparser._poller import Poller
from ashd.proto import encode_request, recv_request
from ashdtest.processes import DEADLINE, descriptors, no_descriptors

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


def test_no_descriptors_for_the_socket() -> None:
    message = "the root handler's socket: Too many open files"
    with no_descriptors(), pytest.raises(StartError, match=message):
        Keeper()


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


def test_however_many_come_at_once_all_are_refused(keeper: Keeper) -> None:
    async def scenario() -> None:
        poller = Poller(asyncio.get_running_loop())
        keeper.attach(poller, lambda: None)
        keeper.refuse()
        with ExitStack() as stack:
            stack.callback(poller.close)
            stack.callback(keeper.close)
            clients = [stack.enter_context(send(keeper, 10)) for _ in range(ACCEPT_BURST + 1)]
            while not is_refused(clients[-1]):
                await asyncio.sleep(0)
            assert all(map(is_refused, clients[:-1]))

    asyncio.run(scenario())


def test_the_end_of_all_senders_keeps_nobody_awake(keeper: Keeper) -> None:
    async def scenario() -> None:
        poller = Poller(asyncio.get_running_loop())
        with ExitStack() as stack:
            stack.callback(poller.close)
            stack.callback(keeper.close)
            keeper.attach(poller, lambda: None)
            keeper.refuse()
            keeper.end()
            for _ in range(10):
                await asyncio.sleep(0)
            assert not select.select([poller._epoll], [], [], 0)[0]

    asyncio.run(scenario())


def receive(sock: Socket) -> None:
    """Serve all that comes, as a handler would."""
    with sock:
        while (request := recv_request(sock)) is not None:
            with request:
                request.socket.sendall(b"served")


@pytest.mark.parametrize("ended", [False, True])
def test_a_request_is_a_handlers_or_taken_back(ended: bool) -> None:
    """Never both and never neither, though a handler receives meanwhile.

    One whose time is not over is the handler's; but if the front end has closed its end, what was
    taken instead of another one can't be put back.
    """
    answers: dict[int, set[bytes]] = {10: set(), 20: set()}
    for _ in range(100):
        keeper = Keeper()
        handler = threading.Thread(target=receive, args=[socket.fromfd(keeper.fileno(), -1, -1)])
        with ExitStack() as stack:
            stack.callback(keeper.close)
            clients = [(until, stack.enter_context(send(keeper, until))) for until in [10, 20] * 40]
            if ended:
                keeper.end()
            handler.start()
            sockets = [client for _, client in clients]
            while select.select(sockets, [], [], 0)[0] != sockets:
                for _ in range(100):
                    keeper.sweep(15)
            keeper.end()
            handler.join()
            for until, client in clients:
                answers[until].add(client.recv(1 << 16)[:12])
                assert client.recv(1) == b""
    either = {b"served", b"HTTP/1.1 503"}
    assert answers[10] <= either
    assert answers[20] <= (either if ended else {b"served"})

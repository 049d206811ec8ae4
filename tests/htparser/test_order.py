"""What is new goes before the rest of large responses, and of these the kernel takes little."""

from __future__ import annotations

import asyncio
import socket
from contextlib import ExitStack

from ashd.htparser._exchange import Exchange
from ashd.htparser._limits import PIECES_AT_ONCE, UNSENT
from ashd.htparser._listener import bind_port
from ashd.htparser._poller import Poller
from ashd.htparser._portspec import parse_portspec
from ashd.htparser._response import ResponseFramer

LARGE = 100
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"


class Connection:
    """A client's connection, as far as an exchange knows it; it notes who gets data, in order."""

    def __init__(self, name: str, order: list[str]) -> None:
        self.name = name
        self.order = order
        self.received: list[bytes] = []
        self.done = False

    def exchange_data(self, data: bytes) -> None:
        self.order.append(self.name)
        self.received.append(data)

    def exchange_done(self, *, keep_alive: bool, reset: bool) -> None:  # noqa: ARG002
        self.done = True

    def exchange_switched(self, sock: socket.socket) -> None:
        raise AssertionError(sock)

    def exchange_failed(self, status: int, detail: str) -> None:
        raise AssertionError(status, detail)


def respond(stack: ExitStack, poller: Poller, connection: Connection, size: int) -> Exchange:
    """Let a handler write as much of a response as a response socket takes."""
    framer = ResponseFramer(head_only=False, current=True, keep_alive=True)
    exchange = Exchange(connection, poller, framer, b"GET\0/\0")
    ours, theirs = socket.socketpair()
    stack.callback(exchange.abort)
    stack.enter_context(theirs).setblocking(False)
    theirs.send(HEAD % size + bytes(size))
    exchange.connect(ours)
    return exchange


def test_a_new_response_goes_before_the_rest_of_large_ones() -> None:
    async def scenario() -> int:
        poller, order = Poller(asyncio.get_running_loop()), list[str]()
        with ExitStack() as stack:
            stack.callback(poller.close)
            for _ in range(LARGE):
                respond(stack, poller, Connection("large", order), 1_000_000)
            while len(order) <= LARGE:
                await asyncio.sleep(0)  # each has sent its first piece, and stands in line
            before = len(order)
            respond(stack, poller, Connection("new", order), 10)
            while "new" not in order:
                await asyncio.sleep(0)
            return len(order) - before

    assert asyncio.run(scenario()) <= 2 * PIECES_AT_ONCE + 1


def test_a_response_that_is_there_as_a_whole_goes_out_in_one_piece() -> None:
    async def scenario(head: bytes, tail: bytes) -> list[bytes]:
        poller, connection = Poller(asyncio.get_running_loop()), Connection("", [])
        with ExitStack() as stack:
            stack.callback(poller.close)
            framer = ResponseFramer(head_only=False, current=True, keep_alive=True)
            exchange = Exchange(connection, poller, framer, b"GET\0/\0")
            ours, theirs = socket.socketpair()
            stack.callback(exchange.abort)
            with theirs:
                theirs.send(head + b"\r\nabc")
            exchange.connect(ours)
            while not connection.done:
                await asyncio.sleep(0)
        assert connection.received[0].endswith(b"\r\n\r\n" + tail)
        return connection.received

    status = b"HTTP/1.1 200 OK\r\n"
    for head, tail in (
        (status + b"Content-Length: 3\r\n", b"abc"),
        (status, b"3\r\nabc\r\n0\r\n\r\n"),
    ):
        assert len(asyncio.run(scenario(head, tail))) == 1


def test_the_kernel_holds_little_for_a_client_that_does_not_read() -> None:
    (listener,) = bind_port(parse_portspec("plain:port=0,bind=127.0.0.1"))
    with listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
        client.connect(listener.getsockname())
        served, _ = listener.accept()
        with served:
            served.setblocking(False)
            taken = 0
            try:
                while True:
                    taken += served.send(bytes(1 << 16))
            except BlockingIOError:
                pass
    assert taken < 4 * UNSENT

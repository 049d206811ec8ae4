"""Clients that take their response slowly, as the clock of the server goes on."""

from __future__ import annotations

import asyncio
import math
import select
import socket
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress

import pytest

from ashd.htparser._connection import Connection
from ashd.htparser._limits import Limits
from ashd.htparser._parent import Parent
from ashd.htparser._peer import Arrival
from ashd.htparser._portspec import parse_portspec
from ashd.htparser._queue import RequestQueue
from ashd.htparser._server import Server
from ashd.proto import recv_request
from ashdtest.meanwhile import wait_for

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
GET_ONCE = b"GET / HTTP/1.0\r\n\r\n"
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nDate: a\r\nServer: b\r\n\r\n"
HIGH_WATER = 1 << 16
"""Bytes: asyncio pauses a protocol's writing when more are unsent."""


async def turns() -> None:
    """Let everything that is ready have its turn."""
    for _ in range(100):
        await asyncio.sleep(0)


class Scene:
    """A client whose kernel holds little, its connection, and the root handler's socket."""

    def __init__(self, stack: ExitStack) -> None:
        self._stack = stack
        self.client = stack.enter_context(socket.socket())
        self.client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        queue, self._handler = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control, parent = socket.socketpair()
        for sock in (queue, self._handler, control, parent):
            stack.enter_context(sock)
        limits = Limits(connections=1)
        loop = asyncio.get_running_loop()
        self.server = Server(loop, RequestQueue(queue), Parent(control), limits)
        stack.callback(self.server.poller.close)
        self.server.queue.attach(self.server.poller)
        self.connection = Connection(self.server, Arrival(parse_portspec("plain"), None))
        self.transport: asyncio.Transport
        self.received = b""

    async def connect(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.client.connect(listener.getsockname())
            served, _ = listener.accept()
        served.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_accepted_socket(lambda: self.connection, served)
        self.transport = transport
        self.client.setblocking(False)

    async def ask(self, request: bytes = GET) -> socket.socket:
        """Send a request; return the handler's end of its response socket."""
        self.client.sendall(request)
        return await self.receive()

    async def receive(self) -> socket.socket:
        poll = select.poll()
        poll.register(self._handler, select.POLLIN)
        await wait_for(lambda: poll.poll(0))
        request = recv_request(self._handler)
        assert request is not None
        sock = socket.socket(fileno=request.detach())
        sock.setblocking(False)
        return self._stack.enter_context(sock)

    async def respond(self, size: int, request: bytes = GET) -> None:
        """Have a whole response of that size sent."""
        with await self.ask(request) as sock:
            sock.sendall(HEAD % size + bytes(size))
            poll = select.poll()
            poll.register(sock, 0)
            await wait_for(lambda: poll.poll(0))  # closed: the response is complete

    @property
    def unsent(self) -> int:
        """How much of the responses waits for the client, beside what the kernel holds."""
        return self.transport.get_write_buffer_size()

    async def read_a_little(self) -> None:
        before = self.unsent
        while self.unsent == before:
            with suppress(BlockingIOError):
                self.received += self.client.recv(100)
            await asyncio.sleep(0)

    async def read_to_end(self) -> bytes:
        """Read on until the connection is closed, or reset; return all that has come."""
        loop = asyncio.get_running_loop()
        with suppress(ConnectionError):
            while piece := await loop.sock_recv(self.client, 1 << 16):
                self.received += piece
        return self.received


def play(scenario: Callable[[Scene], Coroutine[None, None, None]]) -> None:
    async def run() -> None:
        with ExitStack() as stack:
            scene = Scene(stack)
            await scene.connect()
            await scenario(scene)
            scene.transport.abort()
            await asyncio.sleep(0)

    asyncio.run(run())


def test_a_slow_client_is_not_cut_and_one_that_stands_still_is() -> None:
    async def scenario(scene: Scene) -> None:
        connection = scene.connection
        sock = await scene.ask()
        sock.send(HEAD % 10_000_000)
        while connection.write_deadline == math.inf:
            with suppress(BlockingIOError):
                sock.send(bytes(HIGH_WATER))
            await asyncio.sleep(0)
        for _ in range(3):
            await scene.read_a_little()
            connection.expire(connection.write_deadline)
            assert not scene.transport.is_closing()
        connection.expire(connection.write_deadline)
        assert scene.transport.is_closing()

    play(scenario)


def test_a_slow_client_is_not_cut_after_the_last_response_either() -> None:
    async def scenario(scene: Scene) -> None:
        await scene.respond(30_000, GET_ONCE)
        await wait_for(scene.transport.is_closing)
        for _ in range(3):
            await scene.read_a_little()
            scene.connection.expire(scene.connection.deadline)
        assert scene.unsent
        scene.connection.expire(scene.connection.deadline)
        assert (await scene.read_to_end()).count(0) < 30_000

    play(scenario)


@pytest.mark.parametrize("reads", [False, True])
def test_a_client_that_gives_way_keeps_what_it_was_sent(reads: bool) -> None:
    """If it has read all of it; one that doesn't read would hold its place for ever."""

    async def scenario(scene: Scene) -> None:
        await scene.respond(30_000)
        while reads and scene.unsent:
            await scene.read_a_little()
        scene.connection.give_way()
        await wait_for(scene.transport.is_closing)
        received = await scene.read_to_end()
        assert (received.count(0) == 30_000) is reads

    play(scenario)


def test_no_response_is_fetched_for_a_client_that_does_not_read() -> None:
    async def scenario(scene: Scene) -> None:
        connection = scene.connection
        await scene.respond(HIGH_WATER - 20_000)
        await scene.respond(40_000)  # the mark is crossed by what is read last
        assert connection.write_deadline < math.inf
        with await scene.ask() as sock:
            unsent = scene.unsent
            sock.send(HEAD % HIGH_WATER + b"x" * HIGH_WATER)
            await turns()
            assert scene.unsent == unsent
        scene.client.sendall(GET_ONCE)
        reading = asyncio.create_task(scene.read_to_end())
        (await scene.receive()).close()
        body = await reading
        assert body.count(b"HTTP/1.1 200 OK\r\n") == 3
        assert body.count(b"x" * HIGH_WATER) == 1

    play(scenario)


def test_an_error_page_waits_like_a_response() -> None:
    async def scenario(scene: Scene) -> None:
        responses = 0
        while (room := HIGH_WATER - scene.unsent - len(HEAD) - 10) > 0:
            await scene.respond(min(room, 20_000))
            responses += 1
        scene.client.sendall(b"malformed\r\n\r\n")
        await turns()
        received = await scene.read_to_end()
        assert received.count(b"HTTP/1.1 200 ") == responses
        assert received.count(b"HTTP/1.1 400 ") == 1

    play(scenario)

"""Streams after a switch of protocols, as the clock of the server goes on, in both event loops."""

from __future__ import annotations

import asyncio
import importlib.util
import math
import select
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress

import pytest

from ashd.htparser._connection import Connection
from ashd.htparser._limits import LINGER_TIME, QUIET_TIME, Limits
from ashd.htparser._parent import Parent
from ashd.htparser._peer import Arrival
from ashd.htparser._portspec import parse_portspec
from ashd.htparser._queue import RequestQueue
from ashd.htparser._server import Server
from ashd.htparser._stream import Stream
from ashd.proto import recv_request
from ashd.util import switch_protocol
from ashdtest.meanwhile import wait_for
from ashdtest.processes import descriptors

ASK = b"GET / HTTP/1.1\r\nHost: a\r\nUpgrade: a\r\nConnection: upgrade\r\n\r\n"
HEAD = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\n\r\n"
MUCH = 4 << 20


def sockets() -> list[str]:
    return sorted(what for what in descriptors().values() if what.startswith("socket:"))


class Scene:
    """A client, its stream in the server, and what the handler has of it."""

    def __init__(self, server: Server, client: socket.socket, handler: socket.socket) -> None:
        self.server = server
        self.client = client
        self.handler = handler
        self.transport: asyncio.Transport
        self.stream: Stream

    @property
    def over(self) -> bool:
        """Whether the server has forgotten the stream."""
        return self.server._accepting.has_room()

    async def send(self, sock: socket.socket, size: int) -> None:
        await asyncio.get_running_loop().sock_sendall(sock, bytes(size))

    async def fill(self, sock: socket.socket) -> int:
        """Send until nobody takes more; return how much that was."""
        sent, turns = 0, 0
        while turns < 100:
            try:
                sent += sock.send(bytes(1 << 16))
                turns = 0
            except BlockingIOError:
                turns += 1
            await asyncio.sleep(0)
        return sent

    async def receive(self, sock: socket.socket, size: int = 1 << 30) -> int:
        """Read so many bytes, or to the end; return how many came."""
        left = size
        with suppress(ConnectionError):
            while left:
                data = await asyncio.get_running_loop().sock_recv(sock, min(left, 1 << 16))
                if not data:
                    break
                left -= len(data)
        return size - left


@asynccontextmanager
async def switched(limits: Limits) -> AsyncIterator[Scene]:
    """Have a client's stream taken over, in a server with that many places."""
    async with AsyncExitStack() as stack:
        queue, handler = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control, parent = socket.socketpair()
        for sock in (queue, handler, control, parent):
            stack.enter_context(sock)
        loop = asyncio.get_running_loop()
        server = Server(loop, RequestQueue(queue), Parent(control), limits)
        stack.callback(server.poller.close)
        server.queue.attach(server.poller)
        client = stack.enter_context(socket.socket())
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client.connect(listener.getsockname())
            client.setblocking(False)
            served, _ = listener.accept()
        connection = Connection(server, Arrival(parse_portspec("plain"), None))
        transport, _ = await loop.connect_accepted_socket(lambda: connection, served)
        client.sendall(ASK)
        poll = select.poll()
        poll.register(handler, select.POLLIN)
        await wait_for(lambda: poll.poll(0))
        request = recv_request(handler)
        assert request is not None
        scene = Scene(server, client, stack.enter_context(switch_protocol(request, HEAD)))
        scene.handler.setblocking(False)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += await loop.sock_recv(client, 1)
        protocol = transport.get_protocol()
        assert isinstance(protocol, Stream)
        scene.transport, scene.stream = transport, protocol
        yield scene
        if not scene.over:
            scene.stream.leave()
            await wait_for(lambda: scene.over)


Scenario = Callable[[Scene], Awaitable[None]]


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest) -> Callable[[Scenario], None]:
    """Run a scenario in an event loop; all sockets are closed at its end."""
    if importlib.util.find_spec(request.param) is None:
        pytest.skip("uvloop is not installed")
    factory = importlib.import_module(request.param).new_event_loop

    async def run(scenario: Scenario) -> None:
        before = sockets()
        async with switched(Limits(connections=1)) as scene:
            await scenario(scene)
        await wait_for(lambda: sockets() == before)

    def play(scenario: Scenario) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(run(scenario))

    return play


Play = Callable[[Scenario], None]


def test_silence_has_an_end(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        now = scene.server.time()
        scene.stream.expire(now + 3500)
        await scene.send(scene.client, 3)
        assert await scene.receive(scene.handler, 3) == 3
        scene.stream.expire(now + 3500)
        assert not scene.over
        scene.stream.expire(scene.server.time() + 3600)
        assert await scene.receive(scene.client) == 0
        assert await scene.receive(scene.handler) == 0
        await wait_for(lambda: scene.over)

    play(scenario)


def test_a_client_that_takes_nothing_is_cut(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.fill(scene.handler)
        now = scene.stream.write_deadline
        assert now < math.inf
        unsent = scene.transport.get_write_buffer_size()
        while scene.transport.get_write_buffer_size() == unsent:
            await scene.receive(scene.client, 1000)
        scene.stream.expire(now)  # it has taken something
        scene.stream.expire(now + 1)
        assert not scene.over
        scene.stream.expire(scene.stream.write_deadline)
        await wait_for(lambda: scene.over)
        with pytest.raises(BrokenPipeError):
            await scene.send(scene.handler, 1)

    play(scenario)


def test_a_client_that_reads_again_gets_all(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        size = await scene.fill(scene.handler)
        assert await scene.receive(scene.client, size) == size
        assert scene.stream.write_deadline == math.inf
        await scene.send(scene.handler, 3)
        assert await scene.receive(scene.client, 3) == 3

    play(scenario)


@pytest.mark.parametrize("reset", [False, True])
def test_what_a_client_sent_before_its_end_arrives(play: Play, reset: bool) -> None:
    """After a reset, not all."""

    async def scenario(scene: Scene) -> None:
        size = await scene.fill(scene.client)
        if reset:
            await scene.send(scene.handler, 1)  # which it doesn't read
        scene.client.close()
        received = await scene.receive(scene.handler)
        assert received < size if reset else received == size
        scene.handler.close()
        await wait_for(lambda: scene.over)

    play(scenario)


def test_what_no_handler_reads_is_given_up(play: Play) -> None:
    """TLS closes at a client's end, though some of what came before it is still to be read."""

    async def scenario(scene: Scene) -> None:
        await scene.fill(scene.client)
        scene.stream.eof_received()
        scene.transport.abort()
        await wait_for(scene.transport.is_closing)
        await asyncio.sleep(0)
        assert not scene.over
        scene.stream.expire(scene.server.time())
        assert not scene.over
        scene.stream.expire(scene.stream.deadline)
        await wait_for(lambda: scene.over)

    play(scenario)


def test_a_handler_that_leaves_while_it_is_sent_something(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.fill(scene.client)
        await scene.send(scene.handler, 5)
        scene.handler.close()
        assert await scene.receive(scene.client) == 5
        for _ in range(10):  # it goes nowhere, holds nobody up, and gains no time
            await scene.send(scene.client, MUCH)
        scene.stream.expire(scene.stream.deadline)
        await wait_for(lambda: scene.over)

    play(scenario)


@pytest.mark.parametrize("hung_up", [True, False])
def test_a_client_that_does_not_end_after_its_handler(play: Play, hung_up: bool) -> None:
    async def scenario(scene: Scene) -> None:
        if hung_up:
            scene.handler.close()
        else:
            scene.handler.shutdown(socket.SHUT_WR)
        assert await scene.receive(scene.client) == 0
        wait = LINGER_TIME if hung_up else scene.server.limits.body_time
        assert wait - 1 < scene.stream.deadline - scene.server.time() <= wait
        assert scene.server.room.make(scene.server.time())  # for a new client, it goes first
        await wait_for(lambda: scene.over)

    play(scenario)


def test_a_handler_that_ends_while_its_client_is_slow(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        size = await scene.fill(scene.handler)
        scene.handler.close()
        assert await scene.receive(scene.client) == size
        scene.client.close()
        await wait_for(lambda: scene.over)

    play(scenario)


def test_both_end_while_bytes_are_on_their_way(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        size = await scene.fill(scene.client)
        scene.client.shutdown(socket.SHUT_WR)
        scene.handler.shutdown(socket.SHUT_WR)
        assert await scene.receive(scene.client) == 0
        assert await scene.receive(scene.handler) == size
        await wait_for(lambda: scene.over)

    play(scenario)


def test_only_a_quiet_stream_gives_way(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        room, now = scene.server.room, scene.server.time()
        assert not room.make(now)
        assert not room.make(now + QUIET_TIME - 1)
        await scene.send(scene.client, 1)
        assert await scene.receive(scene.handler, 1) == 1
        assert room.make(scene.server.time() + QUIET_TIME)
        await wait_for(lambda: scene.over)

    play(scenario)

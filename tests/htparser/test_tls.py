"""TLS between a client and its connection: one event loop, a real socket, a client step by step."""

from __future__ import annotations

import asyncio
import gc
import select
import socket
import ssl
from collections.abc import Callable, Coroutine
from contextlib import ExitStack, suppress

import pytest

from ashd.htparser._limits import STALL_TIME
from ashd.htparser._portspec import Port, parse_portspec
from ashd.htparser._tls import TlsSession
from ashdtest.authority import Authority
from ashdtest.meanwhile import wait_for
from ashdtest.processes import DEADLINE
from ashdtest.tlsclient import TLS_1_3, TlsClient
from ashdtest.tlsscene import Scene

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
GET_ONCE = b"GET / HTTP/1.0\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nDate: a\r\nServer: b\r\n"
CHUNK, LAST_CHUNK = b"4\r\nbody\r\n", b"0\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Go\r\nConnection: upgrade\r\nUpgrade: x\r\nX-Ash-Switch: duplex\r\n\r\n"

Scenario = Callable[[Scene], Coroutine[None, None, None]]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Port:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    return parse_portspec(f"ssl:cert={authority.certificate('a.example')}")


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest, port: Port) -> Callable[[Scenario], None]:
    """What runs a scenario, under each event loop; nothing may be left, or complain."""
    new_event_loop = pytest.importorskip(request.param).new_event_loop

    def run(scenario: Scenario) -> None:
        async def all_of_it() -> None:
            with ExitStack() as stack:
                scene = Scene(stack, port)
                async with asyncio.timeout(DEADLINE):
                    await scenario(scene)
                for connection in list(scene.server._connections):
                    connection.leave()
                await wait_for(lambda: not scene.server._connections)

        complaints: list[object] = []
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            runner.get_loop().set_exception_handler(lambda _, context: complaints.append(context))
            runner.run(all_of_it())
        assert complaints == []

    return run


def response(body: bytes) -> bytes:
    return OK + b"Content-Length: %d\r\n\r\n" % len(body) + body


Play = Callable[[Scenario], None]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, TLS_1_3])
def test_requests_and_responses_however_they_are_cut(play: Play, version: ssl.TLSVersion) -> None:
    async def scenario(scene: Scene) -> None:
        client = await scene.open(version=version)
        loop = asyncio.get_running_loop()
        await client.send(GET + GET)
        for record in (GET[:5], GET[5:] + GET):
            await client.send(record)
        for byte in client.records(GET):
            await loop.sock_sendall(client.sock, bytes([byte]))
        await loop.sock_sendall(client.sock, client.records(GET) + client.records(GET_ONCE))
        for number in range(7):
            await scene.answer(response(b"%d" % number))
        received = await client.all()
        assert received.count(OK) == 7
        assert [received.find(b"\r\n\r\n%d" % number) > 0 for number in range(7)] == [True] * 7

    play(scenario)


def test_large_bodies_and_slow_clients(play: Play) -> None:
    """What waits for the client is bounded, as is what waits for the handler."""
    size = 2_000_000
    body = bytes(range(256)) * (size // 256)

    async def scenario(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        client = await scene.open(buffer=4096)
        sending = asyncio.create_task(client.send(POST % len(body) + body))
        request = await scene.request()
        request.socket.setblocking(False)
        got = b""
        while piece := await loop.sock_recv(request.socket, 100_000):
            got += piece
        assert got == body
        await sending
        answering = asyncio.create_task(loop.sock_sendall(request.socket, response(body)))
        received = b""
        while not received.endswith(body[-1000:]) or len(received) < len(body):
            received += await client.receive()
            assert scene.connection._transport.get_write_buffer_size() < 200_000
        assert received == response(body)
        await answering

    play(scenario)


def test_a_client_that_asks_before_it_sends(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        client = await scene.open()
        await client.send((POST % 5).replace(b"Host", b"Expect: 100-continue\r\nHost"))
        assert await client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        await client.send(b"hello")
        await scene.answer(response(b"thanks"))
        await client.until(b"thanks")

    play(scenario)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, TLS_1_3])
def test_only_a_whole_response_is_said_to_be_one(play: Play, version: ssl.TLSVersion) -> None:
    """Otherwise who is on the way could cut one that has no length."""

    async def scenario(scene: Scene) -> None:
        for whole in (True, False):
            client = await scene.open(version=version)
            await client.send(GET_ONCE)
            rest = CHUNK + (LAST_CHUNK if whole else b"")
            await scene.answer(OK + b"Transfer-Encoding: chunked\r\n\r\n" + rest)
            await client.until(b"body")
            if whole:
                assert await client.receive() == b""
            else:
                with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
                    await client.receive()

    play(scenario)


def test_a_client_that_leaves_while_its_request_runs(play: Play) -> None:
    """With a word, without one, or with one alone: the handler sees it."""

    async def scenario(scene: Scene) -> None:
        for leave in ("word and end", "end", "word"):
            client = await scene.open()
            await client.send(GET)
            request = await scene.request()
            if leave == "end":
                client.sock.close()
            elif leave == "word":
                with pytest.raises(ssl.SSLWantReadError):
                    client.tls.unwrap()
                await client.send(b"")
            else:
                await client.leave()
            poll = select.poll()
            poll.register(request.socket, 0)
            await wait_for(lambda: poll.poll(0))  # noqa: B023 - called at once

    play(scenario)


@pytest.mark.parametrize("client_first", [True, False])
def test_each_direction_of_a_stream_ends_by_itself(play: Play, client_first: bool) -> None:
    async def scenario(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        client = await scene.open()
        await client.send(GET.replace(b"Host", b"Connection: upgrade\r\nUpgrade: x\r\nHost"))
        mine, theirs = socket.socketpair()
        mine.setblocking(False)
        with mine, theirs, await scene.request() as request:
            socket.send_fds(request.socket, [SWITCH], [theirs.fileno()])
            theirs.close()
            await client.until(b"\r\n\r\n")

            async def client_ends() -> None:
                await client.send(b"from the client")
                with suppress(ssl.SSLWantReadError):
                    client.tls.unwrap()
                await client.send(b"")
                assert await loop.sock_recv(mine, 100) == b"from the client"
                assert await loop.sock_recv(mine, 100) == b""

            async def handler_ends() -> None:
                await loop.sock_sendall(mine, b"from the handler")
                mine.shutdown(socket.SHUT_WR)
                assert await client.receive() == b"from the handler"
                assert await client.receive() == b""

            ends = [client_ends, handler_ends]
            for end in ends if client_first else reversed(ends):
                await end()
            await wait_for(lambda: not scene.server._connections)

    play(scenario)


def test_a_body_that_is_cut_is_no_request(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        client = await scene.open()
        await client.send(POST % 10 + b"hello")
        await client.leave()
        await wait_for(lambda: not scene.server._connections)
        with pytest.raises(BlockingIOError):
            scene._handler.recv(1)

    play(scenario)


def test_who_does_not_speak_tls_is_told(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        for data, answer in {
            GET: b"This port speaks HTTPS",
            b"HEAD / HTTP/1.1\r\n": b"\r\n\r\n",
        }.items():
            client = await scene.connect()
            loop = asyncio.get_running_loop()
            await loop.sock_sendall(client.sock, data)
            received = b""
            while piece := await client.raw():
                received += piece
            assert received.startswith(b"HTTP/1.1 400 ")
            assert answer in received
            assert (b"This port" in received) is (data is GET)
            client.sock.close()
            await wait_for(lambda: not scene.server._connections)

    play(scenario)


@pytest.mark.parametrize(
    "garbage", [b"\x80\x2e\x01\x00\x02" + bytes(50), b"\x16\x03\x01\xff\xff", b"\0" * 300_000]
)
def test_garbage_is_refused_in_order(play: Play, garbage: bytes) -> None:
    async def scenario(scene: Scene) -> None:
        client = await scene.connect()
        sending = asyncio.create_task(asyncio.get_running_loop().sock_sendall(client.sock, garbage))
        while await client.raw():
            pass
        await sending
        client.sock.close()
        await wait_for(lambda: not scene.server._connections)
        broken = await scene.open()
        await broken.send(GET)
        await scene.answer(response(b"whole"))
        await broken.until(b"whole")
        record = bytearray(broken.records(GET))
        record[-1] ^= 1
        await asyncio.get_running_loop().sock_sendall(broken.sock, record)
        with pytest.raises(ssl.SSLError, match=r"(?i)bad.record.mac"):
            await broken.receive()
        await wait_for(lambda: not scene.server._connections)

    play(scenario)


def test_a_client_that_can_do_nothing_safe_gets_an_alert(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        client = await scene.connect()
        hello = TlsClient(client.sock, ssl.TLSVersion.TLSv1_2, "AES128-SHA")
        with pytest.raises(ssl.SSLError, match=r"(?i)handshake.failure"):
            await hello.shake_hands()
        client.sock.close()
        await wait_for(lambda: not scene.server._connections)

    play(scenario)


def test_a_handshake_that_stalls_gives_way(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        await scene.connect()
        halfway = await scene.connect()
        with pytest.raises(ssl.SSLWantReadError):
            halfway.tls.do_handshake()
        await halfway.send(b"")
        assert await halfway.raw()
        assert not scene.server._accepting.has_room()
        for connection in scene.connections:
            assert scene.server._accepting.make_room()
            await wait_for(lambda: connection not in scene.server._connections)  # noqa: B023
        good = await scene.open()
        await good.send(GET)
        await scene.answer(response(b"fine"))
        await good.until(b"fine")

    play(scenario)


def test_a_handshake_has_the_time_of_a_head(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        now = scene.server.time()
        client = await scene.connect()
        assert scene.connection.deadline - now >= scene.server.limits.head_time
        await client.shake_hands()
        assert scene.connection.deadline - now < scene.server.limits.head_time + 1
        scene.connection.expire(scene.connection.deadline)
        with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
            await client.receive()

    play(scenario)


def test_clients_that_leave_in_the_handshake(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        first = await scene.connect()
        with pytest.raises(ssl.SSLWantReadError):
            first.tls.do_handshake()
        hello = first.records()
        first.sock.close()
        for size in (0, 1, 5, 50, len(hello)):
            client = await scene.connect()
            await loop.sock_sendall(client.sock, hello[:size])
            client.sock.close()
            await wait_for(lambda: not scene.server._connections)

    play(scenario)


def test_an_idle_client_is_told_of_the_end(play: Play) -> None:
    async def scenario(scene: Scene) -> None:
        client = await scene.open()
        await client.send(GET)
        await scene.answer(response(b"fine"))
        await client.until(b"fine")
        scene.connection.expire(scene.connection.deadline)
        assert await client.receive() == b""

    play(scenario)


def test_a_record_that_grows_is_a_body_that_grows(play: Play) -> None:
    """Its bytes can't be used before it is whole."""

    async def scenario(scene: Scene) -> None:
        loop = asyncio.get_running_loop()
        client = await scene.open()
        await client.send(POST % 20_000)
        record = client.records(bytes(16_000))
        await wait_for(lambda: scene.connection._head)
        later = scene.server.time() + STALL_TIME
        await loop.sock_sendall(client.sock, record[:4000])
        session = scene.connection._transport
        assert isinstance(session, TlsSession)
        await wait_for(lambda: session._partial)
        assert not scene.server.room.make(later)
        assert scene.server.room.make(later + STALL_TIME)
        assert b"HTTP/1.1 408 " in await client.all()

    play(scenario)


def test_nothing_is_left_for_the_garbage_collection(play: Play) -> None:
    """What OpenSSL holds for a connection isn't known to it, so it would come late."""

    def sessions() -> int:
        return sum(isinstance(thing, TlsSession | ssl.SSLObject) for thing in gc.get_objects())

    async def scenario(scene: Scene) -> None:
        gc.collect()
        gc.disable()
        try:
            for _ in range(3):
                client = await scene.open()
                await client.send(GET)
                await scene.answer(response(b"fine"))
                await client.until(b"fine")
                await client.leave()
                del client
                await wait_for(lambda: not scene.server._connections)
            scene.connections.clear()
            assert sessions() == 0
        finally:
            gc.enable()

    play(scenario)

"""Who is served first when more come than can be served: the newest, and some of the others."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

from ashd.htparser._arrivals import Arrivals
from ashd.htparser._exchange import Exchange
from ashd.htparser._keeper import Keeper
from ashd.htparser._limits import OLDEST_OPENED, OPENED_AT_ONCE
from ashd.htparser._poller import Poller
from ashd.htparser._portspec import Port, parse_portspec
from ashd.htparser._queue import RequestQueue
from ashd.htparser._response import ResponseFramer

PORT = parse_portspec("plain")
MANY = 100


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():
            await asyncio.sleep(0)


class Scene:
    """Connections that come to a front end, and those that it looks at, in order."""

    def __init__(self, *, crowded: bool = False) -> None:
        self.came: list[socket.socket] = []
        self.taken: list[int] = []
        self.crowded = crowded
        self.arrivals = Arrivals(asyncio.get_running_loop(), self.take, lambda: self.crowded)

    def come(self, count: int) -> None:
        arrived = [(socket.socket(), PORT) for _ in range(count)]
        self.came += [sock for sock, _ in arrived]
        self.arrivals.add(arrived)

    def take(self, sock: socket.socket, _: Port) -> None:
        self.taken.append(self.came.index(sock))
        sock.close()


def test_a_few_are_taken_at_once_in_their_order() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.come(OPENED_AT_ONCE)
        assert scene.taken == list(range(OPENED_AT_ONCE))

    asyncio.run(scenario())


def test_the_newest_go_before_the_rest_of_many_and_nobody_is_left() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.come(MANY)
        assert scene.taken == list(range(MANY - OPENED_AT_ONCE, MANY))
        scene.come(1)
        assert scene.taken[-1] == MANY
        before = len(scene.taken)
        await until(lambda: len(scene.taken) > before)
        assert scene.taken[before : before + OLDEST_OPENED] == list(range(OLDEST_OPENED))
        await until(lambda: not len(scene.arrivals))
        assert sorted(scene.taken) == list(range(MANY + 1))

    asyncio.run(scenario())


def test_while_requests_wait_for_the_handler_one_at_a_time_is_taken() -> None:
    async def scenario() -> None:
        scene = Scene(crowded=True)
        scene.come(MANY)
        for number in range(3):
            before = len(scene.taken)
            await until(lambda before=before: len(scene.taken) > before)  # type: ignore[misc]
            assert scene.taken[before:] == [number]
        scene.crowded = False
        await until(lambda: not len(scene.arrivals))
        assert sorted(scene.taken) == list(range(MANY))

    asyncio.run(scenario())


def test_those_that_wait_are_closed_at_the_end() -> None:
    async def scenario() -> None:
        scene = Scene()
        scene.come(MANY)
        scene.arrivals.close()
        assert all(sock.fileno() < 0 for sock in scene.came)

    asyncio.run(scenario())


class Client:
    """A client of which only the request counts."""

    def exchange_failed(self, status: int, detail: str) -> None:
        raise AssertionError(status, detail)


def test_few_requests_lie_in_front_of_a_new_one_and_a_large_one_passes() -> None:
    async def scenario() -> None:
        poller, keeper = Poller(asyncio.get_running_loop()), Keeper()
        queue = RequestQueue(keeper.new_sender())
        queue.attach(poller)
        handler = socket.socket(fileno=keeper.fileno())
        exchanges: list[Exchange] = []

        def submit(datagram: bytes) -> None:
            framer = ResponseFramer(head_only=False, current=True, keep_alive=True)
            exchanges.append(Exchange(Client(), poller, framer, datagram))  # type: ignore[arg-type]
            queue.submit(exchanges[-1], 1e9)

        large = b"large" + bytes(150_000)
        submit(large)
        assert handler.recv(1 << 20) == large
        for number in range(1000):
            submit(b"%d" % number + bytes(500))
        assert queue.crowded
        submit(b"new" + bytes(500))
        received: list[bytes] = []
        while not received or not received[-1].startswith(b"new"):
            await asyncio.sleep(0)
            received.append(handler.recv(1000))
        assert len(received) < MANY
        for exchange in exchanges:
            exchange.abort()
        handler.detach()
        queue.end()
        keeper.close()
        poller.close()

    asyncio.run(scenario())

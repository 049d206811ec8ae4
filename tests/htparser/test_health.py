"""Health checks, without a network."""

from __future__ import annotations

import asyncio
import socket

from ashd.htparser._exchange import Exchange
from ashd.htparser._head import parse_head
from ashd.htparser._health import Condition, Health, Readiness
from ashd.htparser._limits import Limits
from ashd.htparser._poller import Poller
from ashd.htparser._response import ResponseFramer
from ashdtest.processes import no_descriptors


class Client:
    """Keeps what an exchange says."""

    def __init__(self) -> None:
        self.failed: list[int] = []

    def exchange_data(self, data: bytes) -> None: ...

    def exchange_done(self, *, keep_alive: bool, reset: bool) -> None: ...

    def exchange_switched(self, sock: socket.socket) -> None: ...

    def exchange_failed(self, status: int, detail: str) -> None:  # noqa: ARG002
        self.failed.append(status)


def test_the_end_is_final_and_changes_are_told_once() -> None:
    readiness = Readiness()
    heard: list[Condition] = []
    readiness.listen(heard.append)
    for condition in (Condition.LOADING, Condition.READY, Condition.READY, Condition.DOWN):
        readiness.enter(condition)
    assert heard == [Condition.READY, Condition.DOWN]
    for condition in (Condition.DRAINING, Condition.DOWN, Condition.READY):
        readiness.enter(condition)
    assert heard == [Condition.READY, Condition.DOWN, Condition.DRAINING]
    assert readiness.condition is Condition.DRAINING


def test_out_of_descriptors() -> None:
    """It is an overload like any other."""

    async def check() -> list[int]:
        head = parse_head(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n", Limits())
        poller, client = Poller(asyncio.get_running_loop()), Client()
        try:
            exchange = Exchange(client, poller, ResponseFramer(False, True, True), head.encode())
            health = Health("/healthz", Readiness())
            assert health.asked_by(head)
            with no_descriptors():
                health.answer(head, exchange)
        finally:
            poller.close()
        return client.failed

    assert asyncio.run(check()) == [503]

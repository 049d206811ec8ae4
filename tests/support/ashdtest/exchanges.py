"""Applications served inside the test's own process, one request after another.

    with served(application, "driven") as server:
        assert server.call(b"/").status == 200

A thread receives requests from a real handler socket and runs each exchange to its end: `patient`
as threads do it (`Exchange.run`), or `driven` as the model `rplex` does (`start` and `advance`).
Leaving the block ends the thread, and fails if it hangs, has raised, or left a descriptor open.
"""

from __future__ import annotations

import select
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from ashd.wsgi._adapter import Adapter, Observer
from ashd.wsgi._exchange import Exchange
from ashd.wsgi._source import RequestSource

from .handlers import Caller
from .processes import DEADLINE, descriptors

WAYS = ("patient", "driven")

_IDLE_TURNS = 10_000
"""Calls of `advance` for one request beyond which it must be spinning instead of waiting."""

WsgiApplication = Callable[[dict[str, Any], Any], Any]


def run_patiently(exchange: Exchange) -> None:
    exchange.run()


def drive(exchange: Exchange) -> None:
    """Do what the multiplexer does with a single stream."""
    stream = exchange.start()
    if stream is None:
        return
    fd = stream.fileno()
    events = stream.advance(0)
    turns = 0
    while events:
        poll = select.poll()
        poll.register(fd, events)
        events = stream.advance(poll.poll()[0][1])
        turns += 1
        assert turns < _IDLE_TURNS, "the exchange spins"


DRIVERS = {"patient": run_patiently, "driven": drive}


@dataclass(slots=True, kw_only=True)
class Server(Caller):
    """The client's side. `way` tells how exchanges are run."""

    way: str


Serve = Callable[[WsgiApplication], Server]
"""What the fixture `serve` of the adapter's tests is."""


@contextmanager
def served(
    application: WsgiApplication,
    way: str = "patient",
    *,
    observer: Observer | None = None,
    timestamps: bool = True,
    **settings: Any,
) -> Iterator[Server]:
    """Serve `application` for the length of a block; `settings` go to the adapter.

    Requests have time stamps if there is an `observer` and it wants these.
    """
    before = descriptors()
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    errors: list[BaseException] = []
    with theirs:
        adapter = Adapter(application, **settings)
        adapter.observer = observer
        admit = partial(Exchange, adapter)
        source = RequestSource(
            theirs, lambda: admit, timestamps=timestamps and observer is not None
        )
        thread = threading.Thread(
            target=_serve, args=(source, DRIVERS[way], errors), name="served", daemon=True
        )
        thread.start()
        with ours:
            yield Server(socket=ours, way=way)
        thread.join(DEADLINE)
        assert not thread.is_alive(), "the exchange hangs"
        source.close()
    assert not errors, errors
    left = {fd: what for fd, what in descriptors().items() if before.get(fd) != what}
    assert not left, f"left open: {left}"


def _serve(
    source: RequestSource, run: Callable[[Exchange], None], errors: list[BaseException]
) -> None:
    while (exchange := source.receive()) is not None:
        try:
            run(exchange)
            assert exchange.fileno() == -1, "the response socket was not closed"
        except BaseException as error:
            exchange.close()
            errors.append(error)

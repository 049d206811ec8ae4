"""Several threads receive from one source by themselves, as models let them without a lock."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pytest

from ashd.wsgi._adapter import Adapter
from ashd.wsgi._admission import Entrance
from ashd.wsgi._exchange import Exchange
from ashd.wsgi._limits import Limits
from ashd.wsgi._source import RequestSource
from ashdtest.handlers import open_request, read_all

THREADS = 4
REQUESTS = 200
DEADLINE = 60.0


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    start_response("200 OK", [])
    return [environ["PATH_INFO"].encode()]


@dataclass
class Crew:
    """Threads that serve a source; each notes what its `receive` returned at the end."""

    client: socket.socket
    source: RequestSource
    threads: list[threading.Thread] = field(default_factory=list)
    ends: list[object] = field(default_factory=list)

    def start(self, timeout: float | None = None) -> None:
        for _ in range(THREADS):
            thread = threading.Thread(target=self._serve, args=(timeout,), daemon=True)
            thread.start()
            self.threads.append(thread)

    def _serve(self, timeout: float | None) -> None:
        reception = self.source.for_thread()
        try:
            while (exchange := reception.receive(timeout)) is not None:
                exchange.run()
            self.ends.append(None)
        except TimeoutError as error:
            self.ends.append(error)
        finally:
            reception.release()

    def join(self) -> list[object]:
        for thread in self.threads:
            thread.join(DEADLINE)
            assert not thread.is_alive(), "a thread still receives"
        self.threads.clear()
        ends, self.ends = self.ends, []
        return ends


@pytest.fixture
def crew() -> Iterator[Crew]:
    client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with client, server:
        source = RequestSource(server, lambda: partial(Exchange, Adapter(application)))
        crew = Crew(client, source)
        yield crew
        source.stop()
        crew.join()
        source.close()


def test_each_request_is_answered_by_one(crew: Crew) -> None:
    crew.start()
    for start in range(0, REQUESTS, THREADS):
        numbers = range(start, start + THREADS)
        clients = [open_request(crew.client, b"/%d" % number) for number in numbers]
        for number, client in zip(numbers, clients, strict=True):
            assert read_all(client).endswith(b"\r\n\r\n/%d" % number)


def test_all_stop_at_once(crew: Crew) -> None:
    crew.start()
    assert read_all(open_request(crew.client)).startswith(b"HTTP/1.1 200 ")
    crew.source.stop()
    assert crew.join() == [None] * THREADS


def test_all_stop_at_end_of_file(crew: Crew) -> None:
    crew.start()
    last = open_request(crew.client)
    crew.client.close()
    assert crew.join() == [None] * THREADS
    assert read_all(last).startswith(b"HTTP/1.1 200 ")


def test_a_wait_ends_in_time_and_others_go_on_where_it_was(crew: Crew) -> None:
    crew.start(timeout=0.01)
    assert all(isinstance(end, TimeoutError) for end in crew.join())
    crew.start()
    assert read_all(open_request(crew.client)).startswith(b"HTTP/1.1 200 ")


def test_what_was_asked_for_after_a_stop_receives_nothing(crew: Crew) -> None:
    crew.source.stop()
    crew.start()
    assert crew.join() == [None] * THREADS


@pytest.fixture
def limited() -> Iterator[tuple[Crew, threading.Event]]:
    """A crew that serves `REQUESTS` requests, and what is set when it has."""
    left = threading.Event()
    entrance = Entrance(Limits(max_requests=REQUESTS), left.set)
    client, server = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with client, server:
        adapter = Adapter(application)
        source = RequestSource(
            server, lambda: entrance.admission(partial(Exchange, adapter.for_thread())).admit
        )
        yield Crew(client, source), left
        source.close()


def test_threads_keep_the_limit_on_requests_together(
    limited: tuple[Crew, threading.Event],
) -> None:
    crew, left = limited
    crew.start()
    answered = 0
    while not left.is_set():
        assert read_all(open_request(crew.client)).startswith(b"HTTP/1.1 200 ")
        answered += 1
    assert answered == REQUESTS
    crew.source.stop()
    crew.join()


def test_a_thread_that_was_idle_keeps_the_limit_as_well(
    limited: tuple[Crew, threading.Event],
) -> None:
    crew, left = limited
    idle, *others = (crew.source.for_thread() for _ in range(THREADS))
    order = [idle, *(others * REQUESTS)[: REQUESTS - 10], *[idle] * 8]
    for reception in order:  # of threads that take turns, here
        open_request(crew.client).close()
        exchange = reception.receive()
        assert exchange is not None
        exchange.run()
        assert not left.is_set()
    open_request(crew.client).close()
    assert idle.receive() is not None
    assert left.is_set()

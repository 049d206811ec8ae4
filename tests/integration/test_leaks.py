"""Thousands of requests, good and bad, leave no descriptor and no thread behind."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from urllib.parse import quote

from ashdtest.client import Client, chunked, post, request
from ashdtest.frontend import FrontEnd
from ashdtest.processes import descriptor_count, thread_count, wait_until
from ashdtest.sites import site

ROUNDS = 100

LAST = "Connection: close"
CHUNKED = ("Transfer-Encoding: chunked", "Content-Type: a/b")
LARGE = bytes(300_000)
OWN_SOURCE = quote(str(Path(__file__)))


def answered(connection: Client) -> None:
    """Read until the server closes the connection."""
    connection.rest()


def left(connection: Client) -> None:
    """Go away at once."""


def left_in_response(connection: Client) -> None:
    """Go away after a part of the response."""
    connection.exactly(100)


Ending = Callable[[Client], None]

# Twenty kinds of requests; what is good ends with an answer, and so does most that is bad.
REQUESTS: list[tuple[bytes, Ending]] = [
    (request("/hello", LAST), answered),
    (request("/hello", LAST, method="HEAD"), answered),
    (request("/hello") + request("/hello") + request("/hello", LAST), answered),
    (request("/counts_lines?20", LAST), answered),
    (request(f"/gives_file?{OWN_SOURCE}", LAST), answered),
    (request(f"/gives_file?{OWN_SOURCE}", LAST, method="HEAD"), answered),
    (post("/takes_upload", LARGE, LAST), answered),
    (request("/takes_upload", *CHUNKED, LAST, method="POST", body=chunked(b"x" * 999)), answered),
    (post("/ignores_body", LARGE, LAST), answered),
    (request("/fails_early?RuntimeError", LAST), answered),
    (request("/fails_late?1000"), answered),
    (request("/gives_too_little"), answered),
    (request("/no_such_application", LAST), answered),
    (b"no HTTP at all\r\n\r\n", answered),
    (request("/" + "x" * 60_000), answered),
    (request("/hello", "Content-Length: 1", "Content-Length: 2"), answered),
    (request("/hello"), left),
    (request("/never_ends"), left_in_response),
    (post("/meets_cut_body?all", LARGE)[:-1], left),
    (request("/meets_cut_body?all", *CHUNKED, method="POST", body=b"5\r\nab"), Client.reset),
]


def run_once(server: FrontEnd) -> None:
    for data, end in REQUESTS:
        # A server that refuses what it is being sent may reset the connection.
        with Client(server.connect()) as connection, contextlib.suppress(ConnectionError):
            connection.send(data)
            end(connection)


def idle_counts(server: FrontEnd) -> list[tuple[int, int]]:
    """Return how many descriptors and threads each process has when there is nothing to do.

    A connection may take a moment to end after its client's end of it: the lowest figure counts.
    """
    seen = []
    for _ in range(10):
        with Client(server.connect()) as connection:
            connection.send(request("/hello", LAST)).rest()
        seen.append([(descriptor_count(pid), thread_count(pid)) for pid in pids(server)])
    return [(min(s[i][0] for s in seen), min(s[i][1] for s in seen)) for i in (0, 1)]


def pids(server: FrontEnd) -> tuple[int, int]:
    return server.pid, server.handler_pid


def has_open(pid: int, count: int) -> bool:
    """Tell whether no more is open; before, the last response may have been just about to close."""
    return descriptor_count(pid) <= count


def test_nothing_is_left_behind(front: str, model: str) -> None:
    with site("zoo", front=front, model=model) as server:
        before = idle_counts(server)
        for _ in range(ROUNDS):
            run_once(server)
        spare_threads = 25 if model == "pool" else 1  # for a leader that is about to start or end
        for pid, (count, threads) in zip(pids(server), before, strict=True):
            wait_until(partial(has_open, pid, count), what=f"{count} descriptors as before")
            assert thread_count(pid) <= threads + spare_threads

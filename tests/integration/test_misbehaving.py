"""Applications that misbehave, under every model, with clients that misbehave as well.

What becomes of each is said in its file, in tests/applications/misbehaving: what a client sees, and
what the log has. Whatever happened, the next request is answered, and nothing is left behind.
"""

from __future__ import annotations

import json
import re
import select
import sys
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from ashdtest.cases import about
from ashdtest.client import Client, post, request
from ashdtest.commands import each_model
from ashdtest.frontend import FrontEnd, front_end
from ashdtest.misbehaving import FOLDER, Cut, Endless, Nothing, Page, Shows, Whole, load, names
from ashdtest.processes import (
    DEADLINE,
    MODELS,
    descriptor_count,
    program,
    thread_count,
    wait_until,
)
from ashdtest.sites import SUPPORT

sys.path.append(str(FOLDER))
CASES: dict[str, Shows] = {name: load(name).shows for name in names()}
ENDING = {name: shows for name, shows in CASES.items() if shows.ends}
LASTING = {name: shows for name, shows in CASES.items() if not shows.ends}

LISTENED = 1000
"""Bytes after which a client has enough of a response without end."""

SLOWLY = 40
"""Bytes that a slow client takes one by one."""

ELSEWHERE = ("--request-timeout", "600", "--queue-timeout", "600", "--request-id")
"""Options that lead a request through other code, and change nothing here."""

SPARE_THREADS = 10
"""Threads of the model that may be left: `pool` keeps them, and others start or end just then."""

WAYS = [*((model,) for model in MODELS), ("pool", *ELSEWHERE), ("rplex", *ELSEWHERE)]


def handler(model: str, *options: str) -> list[str]:
    folders = ("-p", str(SUPPORT), "-p", str(FOLDER))
    return [program("ashd-wsgi"), "-t", model, *options, *folders, "-A", "misbehaving_site"]


# Clients. Each has a connection over which a request was sent, and returns what it has seen of the
# answer, or None.


def patient(client: Client, shows: Shows) -> object:
    """Read it all."""
    if isinstance(shows.client, Nothing):
        return shows.client
    if isinstance(shows.client, Endless):
        client.until(b"\r\n\r\n")
        client.exactly(LISTENED)
        return shows.client
    if isinstance(shows.client, Cut):
        return cut(client)
    reply = client.reply(head_only=shows.method == "HEAD")
    if reply.status < 500:
        return Whole(reply.body, reply.status)
    assert reply.body.startswith(b"%d " % reply.status), "not a page of the server's own"
    return Page(reply.status)


def cut(client: Client) -> object:
    """Read a response that is cut."""
    head = client.until(b"\r\n\r\n")
    body = client.rest()
    if b"chunked" not in head:
        return Cut(body)
    pieces = re.findall(rb"[0-9a-f]+\r\n(.*?)\r\n", body)
    assert b"" not in pieces, "it looks whole"
    return Cut(b"".join(pieces))


def slow(client: Client, shows: Shows) -> object:
    """Begin to read byte by byte."""
    if not isinstance(shows.client, Nothing):
        with suppress(ConnectionError):
            client.trickle(SLOWLY)
    return patient(client, shows)


def gone(client: Client, shows: Shows) -> None:
    """Leave at once."""


def deaf(client: Client, shows: Shows) -> None:
    """Leave when the answer begins, without having read any of it."""
    if not isinstance(shows.client, Nothing):
        poll = select.poll()
        poll.register(client.sock, select.POLLIN)
        assert poll.poll(DEADLINE * 1000), "no answer"


def leaving_in_head(client: Client, shows: Shows) -> None:
    if not isinstance(shows.client, Nothing):
        client.exactly(7)


def leaving_after_head(client: Client, shows: Shows) -> None:
    if not isinstance(shows.client, Nothing):
        client.until(b"\r\n\r\n")


Visit = Callable[[Client, Shows], object]

CLIENTS: list[Visit] = [patient, slow, gone, deaf, leaving_in_head, leaving_after_head]


def ask(server: FrontEnd, name: str, visit: Visit) -> object:
    """Send the request of an application; return what a client sees."""
    shows = CASES[name]
    target = path(name, visit)
    sent = post(target, shows.body) if shows.body else request(target, method=shows.method)
    with Client(server.connect()) as client:
        seen = visit(client.send(sent), shows)
        client.reset()
        return seen


def path(name: str, visit: Visit) -> str:
    return f"/{name}/{visit.__name__}"


def asks_for_a_good_one(server: FrontEnd) -> None:
    with Client(server.connect()) as client:
        assert client.send(request("/good")).reply().body == b'"good"'


def report(server: FrontEnd) -> dict[str, Any]:
    with Client(server.connect()) as client:
        found: dict[str, Any] = json.loads(client.send(request("/report")).reply().body)
        return found


@pytest.mark.parametrize("way", WAYS, ids=" ".join)
def test_the_process_goes_on(way: tuple[str, ...]) -> None:
    with front_end(handler(*way)) as server:
        report(server)
        before = descriptor_count(server.handler_pid), thread_count(server.handler_pid)
        for name, shows in LASTING.items():
            for visit in CLIENTS:
                with about(f"{name} and {visit.__name__}"):
                    assert ask(server, name, visit) in (None, shows.client)
            with about(f"a good request after {name}"):
                asks_for_a_good_one(server)
        nothing_is_left(server, *before)
        for name, shows in LASTING.items():
            wait_until(lambda text=shows.prints: text in server.log, what=name)  # type: ignore[misc]
        the_log_is_right(server)


def nothing_is_left(server: FrontEnd, descriptors: int, threads: int) -> None:
    wait_until(lambda: is_free(report(server)), what="the memory of requests to be freed")
    wait_until(lambda: descriptor_count(server.handler_pid) <= descriptors)
    wait_until(lambda: thread_count(server.handler_pid) <= threads + SPARE_THREADS)


def is_free(found: dict[str, Any]) -> bool:
    """Tell whether all requests are over: their memory is free, and what they returned closed."""
    twice = {name: counts for name, counts in found["unequal"].items() if counts[0] < counts[1]}
    assert not twice, "closed more than once"
    return not found["alive"] and not found["unequal"]


def the_log_is_right(server: FrontEnd) -> None:
    logged = records(server)
    wrong = {}
    for name, shows in LASTING.items():
        for visit in CLIENTS:
            found = logged.pop(path(name, visit), [])
            surplus = [each for each in found if not any(text in each for text in shows.log)]
            missing = [text for text in shows.log if text not in "".join(found)]
            if surplus or (missing and visit in (patient, slow)):
                wrong[path(name, visit)] = (surplus, missing, found)
    assert not wrong
    assert not logged


def records(server: FrontEnd) -> dict[str, list[str]]:
    """Return the records of the handler's log by the path that they name."""
    found = defaultdict(list)
    first = rf".*\[{server.handler_pid}\]: ashd\.\w+: [A-Z]+: [A-Z]+ (/\w+/\w+): "
    for record in re.split(r"(?m)^(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} )", server.log):
        if match := re.match(first, record):
            found[match[1]].append(record)
    return found


@each_model
def test_the_process_is_replaced(model: str) -> None:
    with front_end(handler(model, "-w", "1")) as server:
        for name, shows in ENDING.items():
            with about(name):
                assert ask(server, name, patient) == shows.client
                wait_until(lambda text=shows.prints: text in server.log, what=shows.prints)  # type: ignore[misc]
                asks_for_a_good_one(server)

"""Server-sent events: responses under `rplex` that wait for their application (`ashd.suspend`)."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import httpx

from ashdtest.cases import about
from ashdtest.client import Client, post, request
from ashdtest.frontend import FrontEnd, front_end
from ashdtest.processes import (
    DEADLINE,
    descriptor_count,
    resident_kib,
    thread_count,
    wait_until,
)
from ashdtest.sites import SUPPORT, wsgi_command

EXAMPLES = SUPPORT.parents[1] / "examples" / "events"
MANY = 1000


@contextmanager
def serving(model: str = "rplex") -> Iterator[FrontEnd]:
    argv = wsgi_command("events", model=model, path=EXAMPLES)
    with front_end(argv, options=[f"--connections={MANY + 20}"]) as server:
        yield server


def opened(server: FrontEnd) -> Client:
    client = Client(server.connect())
    client.send(request("/events"))
    assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 200 ")
    assert chunk(client) == b": welcome\n\n"
    return client


def chunk(client: Client) -> bytes:
    data = client.exactly(int(client.until(b"\r\n"), 16))
    assert client.exactly(2) == b"\r\n"
    return data


def tell(server: FrontEnd, text: bytes) -> None:
    answer = server.exchange(post("/tell", text, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 204 ")


def test_a_thousand_clients_hear_of_everything() -> None:
    with serving() as server, ExitStack() as stack:
        opened(server).leave()
        before = thread_count(server.handler_pid)
        pids = (server.handler_pid, server.pid)
        memory = [resident_kib(pid) for pid in pids]
        fds = [descriptor_count(pid) for pid in pids]
        with stack:
            clients = [stack.enter_context(opened(server)) for _ in range(MANY)]
            cost = [(resident_kib(pid) - kib) / MANY for pid, kib in zip(pids, memory, strict=True)]
            assert max(cost) < 16, cost  # KiB each
            assert thread_count(server.handler_pid) <= before + 2
            for number in range(3):
                tell(server, b"event %d" % number)
            for client in clients:
                heard = b""
                while heard.count(b"\n\n") < 3:
                    heard += chunk(client)
                assert heard == b"".join(b"data: event %d\n\n" % number for number in range(3))
        for pid, count in zip(pids, fds, strict=True):
            wait_until(lambda: descriptor_count(pid) <= count + 1)  # noqa: B023
        with opened(server) as client:
            tell(server, b"all is well")
            assert chunk(client) == b"data: all is well\n\n"


def test_a_real_client() -> None:
    with serving() as server, httpx.stream("GET", f"{server.url}/events", timeout=DEADLINE) as got:
        lines = got.iter_lines()
        assert [next(lines), next(lines)] == [": welcome", ""]
        for text in ("hello", "two\nlines"):
            httpx.post(f"{server.url}/tell", content=text, timeout=DEADLINE)
            for line in text.splitlines():
                assert next(lines) == f"data: {line}"
            assert next(lines) == ""
        server.terminate()
        assert list(lines) == []
        assert server.wait() == 0


def test_the_end_of_the_server_ends_responses_as_whole() -> None:
    with serving() as server, opened(server) as client, opened(server) as other:
        server.terminate()
        for each in (client, other):
            assert each.rest() == b"0\r\n\r\n"
        assert server.wait() == 0
        assert "giving up" not in server.log


def test_one_that_does_not_read_holds_nobody_up() -> None:
    with serving() as server, opened(server) as slow, opened(server) as client:
        heard = [0]

        def hear() -> None:
            while heard[0] < 300:
                heard[0] += chunk(client).count(b"\n\n")

        thread = threading.Thread(target=hear)
        thread.start()
        for number in range(300):
            tell(server, b"x" * 4000)
            wait_until(lambda: heard[0] > number)  # noqa: B023
        thread.join()
        tell(server, b"the last one")
        text = b""
        while b"the last one" not in text:
            text = chunk(slow)


def test_other_models_are_told_what_to_do() -> None:
    with serving("pool") as server:
        assert b"-t rplex" in server.exchange(request("/events", "Connection: close"))


def test_ways_to_suspend() -> None:
    argv = wsgi_command("suspends", model="rplex:max=1")
    with front_end([*argv[:-2], "--request-timeout=0.2", *argv[-2:]]) as server:
        with Client(server.connect()) as client:
            for path, body in (
                ("/timer", b"012"),
                ("/resumed_early", b"early"),
                ("/in_the_call", b"in time"),
                ("/elsewhere", b"ashd.suspend is for the thread that asks the response"),
            ):
                with about(path):
                    assert client.send(request(path)).reply().body.startswith(body)
            for size in (10, 5_000_000):
                assert client.send(post("/upload", bytes(size))).reply().body == b"%d" % size
        with Client(server.connect()) as client:
            client.send(request("/left"))
            assert client.until(b"waiting\r\n")
        server.wait_for_log("closed /left")
        assert "Traceback" not in server.log

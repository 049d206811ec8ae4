"""Ten thousand connections that do nothing, or as many as there can be: what each costs.

Each takes a descriptor here, and the front end keeps two for it. So where the hard limit of open
files (`ulimit -Hn`) is below 20,300, there are fewer.
"""

from __future__ import annotations

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest

from ashdtest.frontend import FrontEnd, front_end
from ashdtest.processes import descriptor_count, resident_kib, wait_until
from ashdtest.sites import wsgi_command

WANTED, LEAST = 10_000, 2_000
OTHERS = 300
"""Descriptors for other things, of this process and of the front end."""
BOUND = 4096
"""Bytes of the front end's memory for a connection."""

GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


@contextmanager
def many_descriptors() -> Iterator[int]:
    """Raise the limit for the length of a block; give the number of connections there can be."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = min(WANTED, (hard - OTHERS) // 2)
    if number < LEAST:
        pytest.skip(f"a hard limit of {hard} open files (ulimit -Hn) leaves room for {number}")
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield number
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def usual_limit() -> Iterator[None]:
    """Have what is started in the block open as many files as programs may by default."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1024, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def assert_serves(server: FrontEnd) -> None:
    assert server.exchange(b"GET / HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 ")


def test_idle_connections_cost_little() -> None:
    with many_descriptors() as number:
        options = [f"--connections={number + 10}", "--head-time=600", "--idle-time=600"]
        with front_end(wsgi_command("hello"), options=options) as server:
            for _ in range(50):
                assert_serves(server)
            descriptors, memory = descriptor_count(server.pid), resident_kib(server.pid)

            def cost() -> float:
                assert_serves(server)
                return (resident_kib(server.pid) - memory) * 1024 / number

            with ExitStack() as stack:
                clients = [stack.enter_context(server.connect()) for _ in range(number)]
                assert cost() < BOUND
                ask(clients)
                assert cost() < BOUND
            wait_until(lambda: descriptor_count(server.pid) <= descriptors)
            assert_serves(server)


def ask(clients: list[socket.socket]) -> None:
    """Have a response on each connection, which stays."""
    for client in clients:
        client.sendall(GET)
        assert client.recv(1 << 16).startswith(b"HTTP/1.1 200 ")


def test_the_handler_has_a_descriptor_for_each_client() -> None:
    """So those who stall give way: they take all places before they take all of these."""
    upload = b"POST /takes_upload HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n"
    with many_descriptors(), ExitStack() as stack:
        with usual_limit():
            site = front_end(wsgi_command("zoo"), options=["--body-time=600"])
            server = stack.enter_context(site)
        for _ in range(1000):
            stack.enter_context(server.connect()).sendall(upload)
        wait_until(lambda: descriptor_count(server.handler_pid) >= 900, what="their requests")
        for _ in range(3):
            reply = server.exchange(b"GET /hello HTTP/1.0\r\n\r\n")
            assert reply.startswith(b"HTTP/1.1 200 ")
        assert "few descriptors" not in server.log


def test_more_clients_than_the_handler_may_open_files() -> None:
    with many_descriptors(), usual_limit():
        for number, warns in (901, True), (900, False):
            with front_end(wsgi_command("hello"), options=[f"--connections={number}"]) as server:
                assert_serves(server)
                assert ("the root handler may open only 1024 files" in server.log) is warns
                assert ("WARNING" in server.log) is warns

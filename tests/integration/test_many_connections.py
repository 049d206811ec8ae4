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

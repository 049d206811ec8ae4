"""The command under adverse conditions: malformed requests, no descriptors, no threads."""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from ashdtest.handlers import Handler, read_all, running
from ashdtest.processes import descriptor_count, program, thread_count
from ashdtest.wsgiprograms import MODEL_OPTIONS, until

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"hello"]
"""


@pytest.fixture
def hello(tmp_path: Path) -> list[str]:
    (tmp_path / "app.py").write_text(HELLO, encoding="utf-8")
    return ["-Ap", str(tmp_path), "app"]


# Malformed requests

GOOD = b"GET\0/\0HTTP/1.1\0\0\0"

MALFORMED = {
    "no terminator": b"GET\0/\0HTTP/1.1\0\0",
    "not even a NUL": b"GET / HTTP/1.1",
    "one string": b"GET\0",
    "a NUL": b"\0",
    "half a header": b"GET\0/\0HTTP/1.1\0\0Host\0\0",
    "something behind the end": GOOD + b"x",
    "a header without a name": b"GET\0/\0HTTP/1.1\0\0A\0b\0\0empty name\0X-Ash-File\0/x\0\0",
    "two requests": GOOD + GOOD,
}


def send(handler: Handler, datagram: bytes, descriptors: Sequence[int]) -> None:
    rights = array.array("i", descriptors)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)] if descriptors else []
    handler.socket.sendmsg([datagram], ancillary)


@pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)
def test_malformed_requests_are_answered_logged_and_passed_over(
    hello: list[str], options: tuple[str, ...]
) -> None:
    with running([program("ashd-wsgi"), *options, *hello]) as handler:
        assert handler.call().body == b"hello"
        for datagram in MALFORMED.values():
            ours, theirs = socket.socketpair()
            with theirs:
                send(handler, datagram, [theirs.fileno()])
            answer = read_all(ours)
            assert answer.startswith(b"HTTP/1.1 400 "), datagram
            assert b"\r\nConnection: close\r\n" in answer
            assert handler.call().body == b"hello"
        count = len(MALFORMED)
        until(lambda: handler.log.count("refused a request") == count, "a line for each of them")


@pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)
def test_requests_with_other_than_one_descriptor(
    hello: list[str], options: tuple[str, ...]
) -> None:
    with running([program("ashd-wsgi"), *options, *hello]) as handler:
        assert handler.call().body == b"hello"
        send(handler, GOOD, [])
        ours, theirs = socket.socketpair()
        read_end, write_end = os.pipe()
        with theirs:
            send(handler, GOOD, [theirs.fileno(), write_end])
        os.close(write_end)
        assert read_all(ours).startswith(b"HTTP/1.1 400 ")
        assert os.read(read_end, 1) == b"", "the surplus descriptor was not closed"
        os.close(read_end)
        assert handler.call().body == b"hello"
        assert "without a response socket" in handler.log
        assert "more than one descriptor" in handler.log


def test_refused_requests_leave_no_descriptors(hello: list[str]) -> None:
    with running([program("ashd-wsgi"), "-t", "single", *hello]) as handler:
        handler.call()
        before = descriptor_count(handler.pid)
        for _ in range(50):
            ours, theirs = socket.socketpair()
            with theirs:
                send(handler, b"nonsense", [theirs.fileno(), theirs.fileno()])
            read_all(ours)
        handler.call()
        until(lambda: descriptor_count(handler.pid) == before, "descriptors to be closed")


@pytest.mark.parametrize(
    "headers",
    [
        [(b"Content-Length", b"1"), (b"Content-Length", b"2")],
        [(b"Content-Length", b"x")],
        [(b"Content-Length", b"9" * 5000)],
    ],
)
def test_bad_lengths_are_the_clients_fault(
    hello: list[str], headers: list[tuple[bytes, bytes]]
) -> None:
    with running([program("ashd-wsgi"), *hello]) as handler:
        assert handler.call(headers=headers).status == 400
        assert handler.call().body == b"hello"
    assert "Traceback" not in handler.log


# Shortages. All requests wait at one gate, a pipe from which each reads a byte.

WAITING = """
import os, resource, threading
GATE = os.open(os.environ["GATE"], os.O_RDWR)
if megabytes := int(os.environ.get("STACK", "0")):  # room for four threads
    threading.stack_size(megabytes << 20)
    pages = int(open("/proc/self/statm").read().split()[0])
    limit = pages * resource.getpagesize() + (megabytes * 9 // 2 << 20)
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
def application(environ, start_response):
    os.read(GATE, 1)
    start_response("200 OK", [])
    return [environ["QUERY_STRING"].encode()]
"""

THREADED = [("-t", "free"), ("-t", "pool:max=100"), ("-t", "rplex")]


@contextmanager
def waiting_handler(
    folder: Path, options: Sequence[str], prefix: Sequence[str] = (), stack: int = 0
) -> Iterator[tuple[Handler, int]]:
    """Run a handler whose requests wait; give it and a descriptor: a byte there lets one go on."""
    (folder / "app.py").write_text(WAITING, encoding="utf-8")
    os.mkfifo(folder / "gate")
    gate = os.open(folder / "gate", os.O_RDWR)
    argv = [*prefix, program("ashd-wsgi"), *options, "-Ap", str(folder), "app"]
    env = os.environ | {"GATE": str(folder / "gate"), "STACK": str(stack)}
    try:
        with running(argv, env=env) as handler:
            yield handler, gate
    finally:
        os.close(gate)


def call_all(handler: Handler, pool: ThreadPoolExecutor, count: int) -> Iterator[bytes]:
    """Send requests at the same time; give their bodies in the order of sending."""
    return pool.map(lambda n: handler.call(b"/?%d" % n).body, range(count))


@pytest.mark.parametrize("options", THREADED, ids=" ".join)
def test_without_descriptors_it_waits_and_goes_on(tmp_path: Path, options: Sequence[str]) -> None:
    count = 60
    limited = ["/bin/sh", "-c", 'ulimit -n 40; exec "$@"', "sh"]
    with (
        waiting_handler(tmp_path, options, limited) as (handler, gate),
        ThreadPoolExecutor(count) as pool,
    ):
        bodies = call_all(handler, pool, count)
        until(lambda: descriptor_count(handler.pid) >= 30, "the shortage")
        os.write(gate, bytes(count))
        assert list(bodies) == [b"%d" % number for number in range(count)]
        os.write(gate, b"x")
        assert handler.call(b"/?again").body == b"again"
    assert "Traceback" not in handler.log


@pytest.mark.parametrize("options", THREADED, ids=" ".join)
def test_without_threads_it_waits_and_goes_on(tmp_path: Path, options: Sequence[str]) -> None:
    count = 12
    with (
        waiting_handler(tmp_path, options, stack=256) as (handler, gate),
        ThreadPoolExecutor(count) as pool,
    ):
        bodies = call_all(handler, pool, count)
        until(lambda: thread_count(handler.pid) >= 3, "threads to be used up")
        os.write(gate, bytes(count))
        assert list(bodies) == [b"%d" % number for number in range(count)]
        assert thread_count(handler.pid) <= 5
        os.write(gate, b"x")
        assert handler.call(b"/?again").body == b"again"
    assert "Traceback" not in handler.log

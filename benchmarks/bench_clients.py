"""What clients that only hold a connection cost: memory, meter, and others' latency."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from functools import partial
from pathlib import Path

from _measure import Benchmark, Sample
from _programs import IN_FLIGHT, Setup, front_end, load, memory, meter, server

from ashdtest.processes import free_port

IDLE, STALLED = 10_000, 1_000
SPARE = 200
"""Descriptors that the front end and this program need for other things."""

SETTLING = 1.5
"""Seconds after which a body that doesn't grow may give way to a new client."""

YARDSTICK = "nobody else"
ABOUT = """
Good requests are made over 16 connections, while other clients hold theirs: idle ones after a
request, as browsers do; the rest stall in some place. The first good request comes right after all
of them, while they are still being served. Memory is what front end and handler take
for each of these clients. Those that have sent half a request take all places that there are.
"""

APPLICATION = """
def application(environ, start_response):
    size = 10 << 20 if environ["PATH_INFO"] == "/large" else 0
    start_response("200 OK", [("Content-Length", str(size or 13))])
    return iter([bytes(1 << 16)] * (size >> 16)) if size else [b"Hello, world!"]
"""

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: "
GET_10_MB = b"GET /large HTTP/1.1\r\nHost: a\r\n\r\n"
KINDS = {
    YARDSTICK: (0, b"", "free"),
    "idle": (IDLE, b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "free"),
    "silent": (STALLED, b"", "free"),
    "with half a head": (STALLED, b"GET / HTTP/1.1\r\nHost: a\r\n", "free"),
    "with half a small body": (STALLED, POST + b"9\r\n\r\nabc", "free"),
    "with half a large body": (STALLED, POST + b"999999\r\n\r\nabc", "free"),
    "that read none of 10 MB (free)": (STALLED, GET_10_MB, "free"),
    "that read none of 10 MB (rplex)": (STALLED, GET_10_MB, "rplex"),
}
"""How many, what they send, and the handler's model."""


def first_answer(port: int) -> float:
    """Return how many milliseconds a good request takes, from its connection on."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while sock.recv(1 << 16):
            pass
    return (time.monotonic() - begin) * 1e3


def measure(setup: Setup, programs: Path, number: int, data: bytes, model: str) -> Sample:
    """Let clients come and stall, and a good one ask."""
    port = free_port()
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - SPARE
    number = min(setup.part_of(number), most) if number else 0
    handler = setup.wsgi(programs, "-t", model, module="sizes")
    whole = data.endswith(b"\r\n\r\n")  # those that stall give way, and so take all places
    places = max(IN_FLIGHT, number + SPARE // 2 * whole)
    command = front_end(programs, port, handler, f"--connections={places}")
    with server(command, port, setup.folder) as pid, contextlib.ExitStack() as stack:
        before = memory(pid)
        for _ in range(number):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            sock.sendall(data)
        first = first_answer(port)
        pause = min(SETTLING, setup.seconds)
        time.sleep(pause)
        used = meter(pid)
        time.sleep(pause)
        cpu = sum(used()) / pause * 100
        part = load(setup, port, pid, setup.requests // 10)
        grown = (memory(pid) - before) * 1e3 / number if number else 0.0
    latencies = {name: part[name] for name in ("p50 us", "p99 us", "p99.9 us")}
    others = {"clients": number, "kB/client": grown, "CPU % while idle": cpu}
    return {"": {**latencies, "first ms": first, **others}}


def benchmark(setup: Setup) -> Benchmark:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    (setup.folder / "sizes.py").write_text(APPLICATION, encoding="utf-8")
    programs = next(iter(setup.installations.values()))
    cases = {name: partial(measure, setup, programs, *kind) for name, kind in KINDS.items()}
    return Benchmark("Clients that hold connections", ABOUT, cases, YARDSTICK)

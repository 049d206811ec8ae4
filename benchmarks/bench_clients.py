"""What clients cost that hold connections or attack: memory, meter, and others' latency."""

from __future__ import annotations

import contextlib
import resource
import socket
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from _measure import Benchmark, Sample
from _programs import IN_FLIGHT, Setup, front_end, load, memory, meter, server

from ashdtest.meanwhile import going_on
from ashdtest.processes import free_port

IDLE, STALLED, BUSY = 10_000, 1_000, 100
SPARE = 200
"""Descriptors that the front end and this program need for other things."""

SETTLING = 1.5
"""Seconds for a look at the CPU time that they cost when nobody else is there."""

PACE = 0.1
"""Seconds between two pieces of what trickles."""

YARDSTICK = "nobody else"
ABOUT = """
Good requests are made over 16 connections, while other clients hold theirs: idle ones after a
request, as browsers do; the rest stall in some place, or attack. Except in the first two rows and
the last one, they take all places that there are. The first good request comes right after all of
them, while they are still being served. Memory is what front end and handler take for each of these
clients, CPU what both use before the good ones come.
"""

APPLICATION = """
def application(environ, start_response):
    environ["wsgi.input"].read()
    size = 10 << 20 if environ["PATH_INFO"] == "/large" else 0
    start_response("200 OK", [("Content-Length", str(size or 13))])
    return iter([bytes(1 << 16)] * (size >> 16)) if size else [b"Hello, world!"]
"""

GET = b"GET / HTTP/1.1\r\nHost: a\r\n"
GET_10_MB = GET.replace(b"/ ", b"/large ", 1) + b"\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"
SMALL, LARGE = POST % 9999, POST % 999999

Clients = Sequence[socket.socket]


def trickle(piece: bytes, clients: Clients, _: int) -> None:
    """Send a little more over each connection."""
    for sock in clients:
        with contextlib.suppress(OSError):
            sock.send(piece, socket.MSG_DONTWAIT)
    time.sleep(PACE)


def sip(clients: Clients, _: int) -> None:
    """Take a little of what has come over each connection."""
    for sock in clients:
        with contextlib.suppress(OSError):
            sock.recv(100, socket.MSG_DONTWAIT)
    time.sleep(PACE)


def crowd(_: Clients, port: int) -> None:
    """Connect and leave."""
    with contextlib.suppress(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=60).close()


class Kind(NamedTuple):
    """Some clients."""

    number: int
    begin: bytes = b""
    """What each sends first."""
    model: str = "free"
    """The handler's."""
    again: Callable[[Clients, int], None] | None = None
    """What they do then, again and again."""
    full: bool = True
    """Whether they take all places."""


KINDS = {
    YARDSTICK: Kind(0, full=False),
    "idle": Kind(IDLE, GET + b"\r\n", full=False),
    "idle, all places": Kind(STALLED, GET + b"\r\n"),
    "silent": Kind(STALLED),
    "with half a head": Kind(STALLED, GET),
    "with a head in tiny pieces": Kind(STALLED, GET + b"A: ", again=partial(trickle, b"a")),
    "with half a small body": Kind(STALLED, SMALL + b"abc"),
    "with half a large body": Kind(STALLED, LARGE + b"abc"),
    "with a body in tiny pieces": Kind(STALLED, LARGE, again=partial(trickle, b"a")),
    "that read none of 10 MB (free)": Kind(STALLED, GET_10_MB),
    "that read none of 10 MB (rplex)": Kind(STALLED, GET_10_MB, "rplex"),
    "that read 10 MB in tiny pieces": Kind(STALLED, GET_10_MB, again=sip),
    "that send 1000 requests at once": Kind(BUSY, (GET + b"\r\n") * 1000),
    "that connect and leave": Kind(0, again=crowd, full=False),
}


def first_answer(port: int) -> float:
    """Return how many milliseconds a good request takes, from its connection on."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
        while sock.recv(1 << 16):
            pass
    return (time.monotonic() - begin) * 1e3


def measure(setup: Setup, programs: Path, kind: Kind) -> Sample:
    """Let clients come and stall, and a good one ask."""
    port = free_port()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    most = (hard if kind.full else hard // 2) - SPARE  # the front end keeps two for each place
    number = min(setup.part_of(kind.number), most) if kind.number else 0
    handler = setup.wsgi(programs, "-t", kind.model, module="sizes")
    places = max(IN_FLIGHT, number + SPARE // 2 * (not kind.full))
    command = front_end(programs, port, handler, f"--connections={places}")
    with server(command, port, setup.folder) as pid, contextlib.ExitStack() as stack:
        before = memory(pid)
        clients = []
        for _ in range(number):
            sock = stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=60))
            sock.sendall(kind.begin)
            clients.append(sock)
        if kind.again is not None:
            stack.enter_context(going_on(partial(kind.again, clients, port)))
        first = first_answer(port)
        pause = min(SETTLING, setup.seconds)
        used = meter(pid)
        time.sleep(pause)
        cpu = sum(used()) / pause * 100
        grown = (memory(pid) - before) * 1e3 / number if number else 0.0
        part = load(setup, port, pid, setup.requests // 10)
    latencies = {name: part[name] for name in ("p50 us", "p99 us", "p99.9 us")}
    others = {"clients": number, "kB/client": grown, "CPU %": cpu}
    return {"": {**latencies, "first ms": first, **others}}


def benchmark(setup: Setup) -> Benchmark:
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    (setup.folder / "sizes.py").write_text(APPLICATION, encoding="utf-8")
    programs = next(iter(setup.installations.values()))
    cases = {name: partial(measure, setup, programs, kind) for name, kind in KINDS.items()}
    return Benchmark("Clients that hold connections", ABOUT, cases, YARDSTICK)

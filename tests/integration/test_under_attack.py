"""Clients and handlers that do their worst: good requests go on, and everything returns.

`ATTACKS` and `FAULTS` say who does what; one test for each of them. There are more attackers than
places, so they take all of them. No time limit passes meanwhile.
"""

from __future__ import annotations

import os
import resource
import select
import signal
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial

import pytest

from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.meanwhile import going_on
from ashdtest.processes import (
    children,
    descriptor_count,
    exists,
    forget_peak,
    peak_resident_kib,
    resident_kib,
    thread_count,
    wait_until,
)
from ashdtest.sites import wsgi_command

PLACES, ATTACKERS, GOOD = 30, 40, 8
ROOM_KIB = 24 * 1024
"""What memory may grow by: each attacker may have 128 KiB held, and there is an application."""

LATE = [f"--{name}-time=600" for name in ("head", "idle", "body", "queue")]
OPTIONS = [*LATE, f"--connections={PLACES}"]
RESET = struct.pack("ii", 1, 0)

GET = b"GET /hello HTTP/1.1\r\nHost: a\r\n"
HEAD = GET.replace(b"GET", b"HEAD")
POST = b"POST /takes_upload HTTP/1.1\r\nHost: a\r\n"
EXPECT = b"Expect: 100-continue\r\n"
SMALL, LARGE, CHUNKED = (
    POST + b"Content-Length: 9999\r\n\r\n",
    POST + b"Content-Length: 9999999\r\n\r\n",
    POST + b"Transfer-Encoding: chunked\r\n\r\n",
)
ENDLESS = b"GET /never_ends HTTP/1.1\r\nHost: a\r\n\r\n"
LAST = b"GET /gives_download?180000 HTTP/1.0\r\n\r\n"
"""Its response is more than the kernel takes for a client that doesn't read, and not much more."""
MANY = b"".join(b"Name%d: x\r\n" % number for number in range(190))

Attack = Callable[[FrontEnd, ExitStack], object]


def connect(server: FrontEnd, stack: ExitStack, room: int = 0) -> socket.socket:
    """Return a connection of which the client's kernel holds little, if `room` says so."""
    sock = stack.enter_context(socket.socket())
    if room:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
    sock.settimeout(60)
    sock.connect(("127.0.0.1", server.port))
    return sock


def stall(server: FrontEnd, stack: ExitStack, data: bytes, room: int = 0) -> list[socket.socket]:
    """Send something, and nothing more; read nothing."""
    attackers = [connect(server, stack, room) for _ in range(ATTACKERS)]
    for sock in attackers:
        with suppress(ConnectionError):
            sock.sendall(data)
    return attackers


PAUSE = 0.005


def trickle(server: FrontEnd, stack: ExitStack, data: bytes, more: bytes) -> None:
    """Send something, and then a little now and then."""
    attackers = stall(server, stack, data)

    def send() -> None:
        for sock in attackers:
            with suppress(OSError):
                sock.send(more, socket.MSG_DONTWAIT)

    stack.enter_context(going_on(send, PAUSE))


def sip(server: FrontEnd, stack: ExitStack) -> None:
    """Take a response in tiny pieces, through a tiny window."""
    attackers = stall(server, stack, ENDLESS, room=1)

    def receive() -> None:
        for sock in attackers:
            with suppress(OSError):
                sock.recv(1, socket.MSG_DONTWAIT)

    stack.enter_context(going_on(receive, PAUSE))


def flood(server: FrontEnd, stack: ExitStack, data: bytes) -> None:
    """Send as many requests as the server takes, and read no response."""
    for sock in stall(server, stack, b""):
        with suppress(OSError):
            for _ in range(100):
                sock.send(data * 100, socket.MSG_DONTWAIT)


def reuse(server: FrontEnd, stack: ExitStack) -> None:
    """Send the next request as soon as a response comes."""
    poll = select.poll()
    attackers = {sock.fileno(): sock for sock in stall(server, stack, GET + b"\r\n")}
    for number in attackers:
        poll.register(number, select.POLLIN)

    def answer() -> None:
        for number, _ in poll.poll(20):
            try:
                assert attackers[number].recv(1 << 16)
                attackers[number].sendall(GET + b"\r\n")
            except (OSError, AssertionError):
                poll.unregister(number)

    stack.enter_context(going_on(answer, PAUSE))


def keep(server: FrontEnd, stack: ExitStack) -> None:
    """Get an answer, and stay."""
    for sock in stall(server, stack, GET + b"\r\n"):
        with suppress(ConnectionError):
            sock.recv(1)


def vanish(server: FrontEnd, stack: ExitStack) -> None:
    """Leave at each point, by an orderly end or a reset."""
    points = [b"", GET[:9], GET, GET + b"\r\n", (GET + b"\r\n") * 30, ENDLESS]
    points += [SMALL, SMALL + b"x", LARGE, LARGE + bytes(99_999)]
    points += [CHUNKED + b"5\r\nab", POST + EXPECT]
    for data in points:
        for linger in (b"", RESET) * 3:
            with server.connect() as sock:
                if linger:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                sock.sendall(data)
                if data is ENDLESS:
                    sock.recv(9)


def crowd(server: FrontEnd, stack: ExitStack) -> None:
    """Connect and leave."""
    for _ in range(300):
        server.connect().close()


ATTACKS: dict[str, Attack] = {
    "silent": partial(stall, data=b""),
    "half a head": partial(stall, data=GET),
    "many header lines, and no end": partial(stall, data=GET + MANY),
    "a head in tiny pieces": partial(trickle, data=GET + b"A: ", more=b"a"),
    "half a small body": partial(stall, data=SMALL + b"x"),
    "a small body in tiny pieces": partial(trickle, data=SMALL, more=b"x"),
    "half a large body": partial(stall, data=LARGE + bytes(99_999)),
    "a large body in tiny pieces": partial(trickle, data=LARGE, more=b"x"),
    "half a chunk": partial(stall, data=CHUNKED + b"ff\r\nx"),
    "chunks of one byte": partial(trickle, data=CHUNKED, more=b"1\r\nx\r\n"),
    "a promised body that doesn't come": partial(stall, data=SMALL[:-2] + EXPECT + b"\r\n"),
    "idle after a response": keep,
    "a response that isn't read": partial(stall, data=ENDLESS),
    "the end of a last response that isn't read": partial(stall, data=LAST, room=1),
    "a response that is read in tiny pieces": sip,
    "one request after another": reuse,
    "requests without end, and no reading": partial(flood, data=GET + b"\r\n"),
    "HEAD requests without end, and no reading": partial(flood, data=HEAD + b"\r\n"),
    "malformed requests": partial(stall, data=b"\0" * 9999),
    "connections without end": crowd,
    "vanishing at each point": vanish,
}


def ask(path: bytes, server: FrontEnd, stack: ExitStack) -> None:
    """Have a handler do something, with a small body; see at least the begin of an answer."""
    data = b"POST %b HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx" % path
    for sock in stall(server, stack, data):
        with suppress(ConnectionError):
            sock.recv(1)


def raw(answer: bytes, server: FrontEnd, stack: ExitStack) -> None:
    """Have a handler answer with just that, and close."""
    data = b"POST /raw HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(answer)
    for sock in stall(server, stack, data + answer):
        with suppress(ConnectionError):
            sock.recv(1)


def unread(server: FrontEnd, stack: ExitStack) -> None:
    """Have a handler read nothing of a large body."""
    data = b"POST /stuck HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\n" + bytes(500_000)
    for _ in range(PLACES - 1):
        connect(server, stack).send(data, socket.MSG_DONTWAIT)


def hang(server: FrontEnd, stack: ExitStack) -> None:
    """Have a handler answer nothing; its clients are not to blame, so they keep their places."""
    for _ in range(PLACES - 1):
        connect(server, stack).sendall(b"GET /wait HTTP/1.1\r\nHost: a\r\n\r\n")


def die(server: FrontEnd, stack: ExitStack) -> None:
    """Have a handler end while it serves."""
    hang(server, stack)
    (handler,) = children(server.pid)
    os.kill(handler, signal.SIGKILL)
    server.wait_for_log("it is started again")


FAULTS: dict[str, Attack] = {
    "hangs": hang,
    "dies": die,
    "never reads the body": unread,
    "answers nothing": partial(ask, b"/silent"),
    "answers garbage": partial(raw, bytes(range(256)) * 9),
    "answers half a head": partial(raw, b"HTTP/1.1 200 OK\nContent-"),
    "answers with a head without end": partial(ask, b"/swollen"),
    "announces without end": partial(ask, b"/hinting"),
    "closes early": partial(raw, b"HTTP/1.1 200 OK\nContent-Length: 99\n\nabc"),
    "writes on after the end": partial(ask, b"/talkative"),
}


def counts(server: FrontEnd) -> list[tuple[int, int]]:
    """Return how many descriptors and threads each process has."""
    family = (server.pid, *children(server.pid))
    return [(descriptor_count(pid), thread_count(pid)) for pid in family]


def idle_counts(server: FrontEnd) -> list[tuple[int, int]]:
    """Return them for when nobody is served; a client that has left may take a moment to go."""
    seen = [counts(server) for _ in range(20)]
    return [(min(n for n, _ in one), min(n for _, n in one)) for one in zip(*seen, strict=True)]


def has_returned(server: FrontEnd, before: list[tuple[int, int]]) -> bool:
    return all(
        descriptors <= most and threads <= usual + 1  # a leader may be about to start or end
        for (descriptors, threads), (most, usual) in zip(counts(server), before, strict=True)
    )


def good_requests(server: FrontEnd, path: bytes) -> None:
    for _ in range(GOOD):
        reply = server.exchange(b"GET %b HTTP/1.0\r\n\r\n" % path)
        assert reply.startswith(b"HTTP/1.1 200 OK\r\n")


@contextmanager
def under_attack(server: FrontEnd, path: bytes) -> Iterator[ExitStack]:
    good_requests(server, path)
    before = idle_counts(server)
    memory = resident_kib(server.pid)
    forget_peak(server.pid)
    with ExitStack() as stack:
        yield stack
        good_requests(server, path)
    wait_until(partial(has_returned, server, before), what=f"{before} again")
    good_requests(server, path)
    assert peak_resident_kib(server.pid) - memory < ROOM_KIB
    assert "Error in connection" not in server.log


@pytest.fixture(scope="module")
def site() -> Iterator[FrontEnd]:
    with front_end(wsgi_command("zoo"), options=OPTIONS) as server:
        yield server


@pytest.fixture(scope="module")
def faulty() -> Iterator[FrontEnd]:
    with front_end(HANDLER, options=OPTIONS) as server:
        yield server


@pytest.mark.parametrize("name", ATTACKS)
def test_clients(site: FrontEnd, name: str) -> None:
    with under_attack(site, b"/hello") as stack:
        ATTACKS[name](site, stack)


@contextmanager
def full_disk(pids: list[int]) -> Iterator[None]:
    """Let processes write no more into files, and so into the log."""
    limits = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in limits.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        for pid, limit in limits.items():
            if exists(pid):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


def test_a_full_disk_for_the_log(site: FrontEnd) -> None:
    """What can't be written is lost, and nothing else; then the log goes on."""
    with under_attack(site, b"/hello"):
        with full_disk([site.pid, *children(site.pid)]):
            for path in (b"/fails_early?RuntimeError", b"/breaks_off?raise") * 5:
                assert site.exchange(b"GET %b HTTP/1.0\r\n\r\n" % path)
            good_requests(site, b"/hello")
        site.exchange(b"GET /fails_early?LookupError HTTP/1.0\r\n\r\n")
        site.wait_for_log("LookupError")


@pytest.mark.parametrize("options", [[], ["--processes=2"]])
def test_the_end_while_the_disk_is_full(options: list[str]) -> None:
    with front_end(wsgi_command("zoo"), options=options) as server:
        server.wait_for_log("listening on")
        with full_disk([server.pid, *children(server.pid)]):
            server.exchange(b"GET /fails_early?RuntimeError HTTP/1.0\r\n\r\n")
            os.kill(server.handler_pid, signal.SIGKILL)
            good_requests(server, b"/hello")
            server.terminate()
            assert server.wait() == 0


@pytest.mark.parametrize("name", FAULTS)
def test_handlers(faulty: FrontEnd, name: str) -> None:
    with under_attack(faulty, b"/echo") as stack:
        FAULTS[name](faulty, stack)

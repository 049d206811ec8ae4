"""What a bad client costs: its own connection, and nothing of the daemon's or of other clients'."""

from __future__ import annotations

import contextlib
import pickle
import socket
import struct
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ashd.pdm import perf, srv
from ashdtest.debugsocket import RawClient
from ashdtest.processes import descriptor_count, wait_until

SHORT = srv.Limits(
    greeting_timeout=0.2, command_timeout=0.2, message_timeout=0.2, send_timeout=0.2, connections=10
)


def server_threads() -> int:
    return sum(thread.name.startswith("ashd-pdm-") for thread in threading.enumerate())


@pytest.fixture
def other(address: str) -> Iterator[RawClient]:
    """A client that goes on undisturbed."""
    with RawClient(address, "perf") as client:
        assert client.ask("bind", 1, "pdm.perf", "sysinfo") == ("+", ["dir"])
        yield client
        assert client.ask("ls", 1)[0] == "+"


@pytest.fixture
def hasty(place: Path) -> Iterator[str]:
    """A server that waits for nobody."""
    with srv.listen(str(place / "hasty"), limits=SHORT):
        yield str(place / "hasty")


@pytest.mark.parametrize("length", [-1, -(2**31), (16 << 20) + 1, 2**31 - 1])
def test_impossible_length_ends_the_connection(address: str, other: RawClient, length: int) -> None:
    with RawClient(address, "perf") as client:
        client.send(struct.pack(">i", length))
        assert b"pdm.perf" in client.message_bytes()
        assert client.rest() == b""


def test_largest_message_is_read(address: str, other: RawClient) -> None:
    with RawClient(address, "perf") as client:
        client.pickle(pickle.dumps(("nix", b"x" * ((16 << 20) - 100))))
        assert b"no request 'nix'" in client.message_bytes()


@pytest.mark.parametrize("text", [b"", b"repl", b"x" * 1024])
def test_endless_or_half_first_line(address: str, other: RawClient, text: bytes) -> None:
    with RawClient(address) as client:
        client.send(text)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.rest() == b"+PDM1\n"


def test_first_line_without_end(address: str, other: RawClient) -> None:
    with RawClient(address) as client, contextlib.suppress(BrokenPipeError, ConnectionResetError):
        for _ in range(1000):
            client.send(b"x" * 1000)
        pytest.fail("the server took a megabyte")


def test_command_without_end(address: str, other: RawClient) -> None:
    with RawClient(address, "repl") as client:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            for _ in range(100):
                client.send(b"x = 1\n" * 10_000)
            pytest.fail("the server took six megabytes")
        assert client.rest() in (b"-ERR the command is too long\n", b"")


@pytest.mark.parametrize("sent", [b"x = 1", b"x = 1\n", b"\n"])
def test_half_a_command_is_not_run(address: str, other: RawClient, sent: bytes) -> None:
    with RawClient(address, "repl") as client:
        client.send(sent)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.rest() == b""


@pytest.mark.parametrize("sent", [b"\0", b"\0\0\0", b"\0\0\0\x05", b"\0\0\0\x05abcd"])
def test_half_a_message(address: str, other: RawClient, sent: bytes) -> None:
    with RawClient(address, "perf") as client:
        client.send(sent)
        client.socket.shutdown(socket.SHUT_WR)
        assert client.rest() == b""


@pytest.mark.parametrize(
    ("protocol", "sent"),
    [(None, b""), (None, b"re"), ("repl", b"x = 1\n"), ("perf", b"\0\0"), ("perf", b"\0\0\0\x05a")],
)
def test_a_client_that_stalls_in_the_middle_is_dropped(
    hasty: str, protocol: str | None, sent: bytes
) -> None:
    with RawClient(hasty, protocol) as client:
        client.send(sent)
        assert client.rest() in (b"", b"+PDM1\n")


@pytest.mark.parametrize("protocol", ["repl", "perf"])
def test_an_idle_client_is_not(hasty: str, protocol: str) -> None:
    with RawClient(hasty, protocol) as client, RawClient(hasty) as stalled:
        stalled.rest()
        if protocol == "repl":
            assert client.run("1") == (["1"], "+OK")
        else:
            assert client.ask("bind", 1, "pdm.perf", "sysinfo")[0] == "+"


def test_a_client_that_never_reads_its_answers_is_dropped(hasty: str) -> None:
    with RawClient(hasty, "perf") as client:
        client.ask("bind", 1, "pdm.perf", "threads")
        data = pickle.dumps(("readattr", 1))
        message = struct.pack(">i", len(data)) + data
        client.socket.settimeout(None)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            while True:
                client.send(message)


def test_too_many_connections(hasty: str) -> None:
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(RawClient(hasty, "perf")) for _ in range(10)]
        with RawClient(hasty) as refused:
            assert refused.rest() == b"-ERR too many connections\n"
        clients[0].close()

        def is_served() -> bool:
            with RawClient(hasty) as client:
                return client.line() == b"+PDM1\n"

        wait_until(is_served)


def test_a_thousand_connects_and_aborts(address: str, other: RawClient) -> None:
    before = descriptor_count()
    linger = struct.pack("ii", 1, 0)
    sent = [b"", b"re", b"repl\n", b"repl\nx = 1\n", b"perf\n\0\0", b"perf\n" + b"\xff" * 10]
    for number in range(1000):
        with socket.socket(socket.AF_UNIX) as client:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            client.connect(address)
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.send(sent[number % len(sent)])
    wait_until(lambda: server_threads() == 2, what="the threads to end")  # accepts, serves `other`
    wait_until(lambda: descriptor_count() == before)


def test_aborts_over_tcp() -> None:
    with srv.listen("127.0.0.1:0") as listener:
        (target,) = listener.addresses
        assert isinstance(target, tuple)
        for _ in range(100):
            with socket.create_connection(target) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        wait_until(lambda: server_threads() == 1)
        with RawClient(target, "repl") as client:
            assert client.run("1") == (["1"], "+OK")


def test_many_objects_bound(address: str) -> None:
    with RawClient(address, "perf") as client:
        answers = [client.ask("bind", number, "pdm.perf", "sysinfo")[0] for number in range(1024)]
        assert set(answers) == {"+"}
        client.pickle(pickle.dumps(("bind", "more", "pdm.perf", "sysinfo")))
        assert b"limit" in client.message_bytes()
        assert client.ask("bind", 5, "pdm.perf", "sysinfo")[0] == "+"
        assert client.ask("unbind", 5) == ("+",)
        assert client.ask("bind", "more", "pdm.perf", "sysinfo")[0] == "+"


class Hostile:
    """An object of the daemon whose methods are of no good."""

    def __init__(self, value: object = None, raised: BaseException | None = None) -> None:
        self.value = value
        self.raised = raised

    def pdm_protocols(self) -> list[str]:
        return ["attr", "dir", "invoke", "event"]

    def _do(self, *_args: object, **_kwargs: object) -> object:
        if self.raised is not None:
            raise self.raised
        return self.value

    readattr = attrinfo = listdir = lookup = invoke = subscribe = unsubscribe = _do


class Unpicklable(Exception):  # noqa: N818
    def __init__(self, one: object, _two: object) -> None:
        super().__init__(one)
        self.lock = threading.Lock()


class Unprintable(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError


class Strange(KeyError):  # noqa: N818
    def __reduce__(self) -> str:
        raise RuntimeError


class BadReduce:
    def __reduce__(self) -> tuple[object, ...]:
        raise SystemError("reduce")


def nested(depth: int) -> list[object]:
    value: list[object] = []
    for _ in range(depth):
        value = [value]
    return value


REQUESTS: list[tuple[Any, ...]] = [
    ("readattr", 1),
    ("attrinfo", 1),
    ("ls", 1),
    ("lookup", 2, 1, "x"),
    ("invoke", 1, "x", (), {}),
    ("subs", 1),
]


@pytest.mark.parametrize(
    "raised",
    [
        ValueError("x"),
        ValueError(threading.Lock()),
        Unpicklable(1, 2),
        Unprintable(),
        Strange(1),
        SystemExit(3),
        KeyboardInterrupt(),
        GeneratorExit(),
        RecursionError(),
        MemoryError(),
        OSError(5, "x"),
        ExceptionGroup("x", [ValueError(1)]),
        StopIteration(),
        perf.error("x"),
        perf.nosuchname("x"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_methods_that_raise(address: str, module: Any, raised: BaseException) -> None:
    module.bad = Hostile(raised=raised)
    with RawClient(address, "perf") as client:
        client.ask("bind", 1, module.__name__, "bad")
        for request in REQUESTS:
            client.pickle(pickle.dumps(request))
            assert b"-" in client.message_bytes()[:20]
        assert client.ask("bind", 1, "pdm.perf", "sysinfo") == ("+", ["dir"])


@pytest.mark.parametrize(
    "value",
    [
        threading.Lock(),
        lambda: 1,
        BadReduce(),
        nested(100_000),
        b"x" * (17 << 20),
        (n for n in "x"),
    ],
    ids=["lock", "lambda", "reduce", "deep", "large", "generator"],
)
def test_methods_that_return_what_cant_be_sent(address: str, module: Any, value: object) -> None:
    module.bad = Hostile(value)
    with RawClient(address, "perf") as client:
        client.ask("bind", 1, module.__name__, "bad")
        request: tuple[Any, ...]
        for request in (("readattr", 1), ("attrinfo", 1), ("invoke", 1, "x", (), {})):
            client.pickle(pickle.dumps(request))
            message = client.message_bytes()
            assert b"the answer can't be sent" in message
        assert client.ask("unbind", 1) == ("+",)


@pytest.mark.parametrize("answer", [None, 5, [5], "attr", ["nix"]])
def test_strange_protocols(address: str, module: Any, answer: object) -> None:
    class Odd:
        def pdm_protocols(self) -> object:
            return answer

    module.odd = Odd()
    with RawClient(address, "perf") as client:
        client.pickle(pickle.dumps(("bind", 1, module.__name__, "odd")))
        client.message_bytes()
        client.pickle(pickle.dumps(("readattr", 1)))
        assert b"-" in client.message_bytes()[:20]


def test_a_module_that_is_none(address: str) -> None:
    import sys

    sys.modules["pdm_test_odd"] = None  # type: ignore[assignment]
    try:
        with RawClient(address, "perf") as client:
            client.pickle(pickle.dumps(("bind", 1, "pdm_test_odd", "x")))
            assert b"nosuchname" in client.message_bytes()
    finally:
        del sys.modules["pdm_test_odd"]


def test_exceptions_of_the_daemon_arrive_as_ours(address: str, module: Any) -> None:
    module.bad = Hostile(raised=Unpicklable("the reason", 2))
    with RawClient(address, "perf") as client:
        client.ask("bind", 1, module.__name__, "bad")
        client.pickle(pickle.dumps(("readattr", 1)))
        message = client.message_bytes()
        assert b"cpdm.perf\nerror\n" in message
        assert b"Unpicklable: the reason" in message

"""Clients whose byte streams a handler has taken over: WebSockets, and bytes of any kind."""

from __future__ import annotations

import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from ashdtest import frontend
from ashdtest.authority import Authority
from ashdtest.cases import about
from ashdtest.client import Client, post, request
from ashdtest.dirplexes import DIRPLEXES, dirplex_command
from ashdtest.frontend import FrontEnd, front_end, read_to_end
from ashdtest.outside import needs
from ashdtest.processes import (
    DEADLINE,
    children,
    descriptors,
    free_port,
    peak_resident_kib,
    python_environment,
    room_for,
    wait_until,
)
from ashdtest.proxies import KINDS, Places, make_certificate, running
from ashdtest.streams import ASKS, opened

HANDLER = [sys.executable, str(Path(__file__).with_name("stream_handlers.py"))]
NO_UVLOOP = "import sys; sys.modules['uvloop'] = None\n"
LARGE = bytes(range(256)) * 40_000
PIECE = 1 << 16
VARIANTS = ["uvloop", "asyncio", "processes"]


@contextmanager
def serving(variant: str, folder: Path, *options: str) -> Iterator[FrontEnd]:
    """Run a front end of ours in some way, or the reference one."""
    env = python_environment(folder, NO_UVLOOP) if variant == "asyncio" else None
    name = frontend.REFERENCE if variant == frontend.REFERENCE else frontend.OURS
    if variant == "processes":
        options = ("--processes=2", *options)
    with front_end(HANDLER, name=name, env=env, options=options) as server:
        if variant != frontend.REFERENCE:
            server.wait_for_log("listening on")  # all processes are there
        yield server


@pytest.fixture(
    scope="module",
    params=[*VARIANTS, pytest.param(frontend.REFERENCE, marks=needs(frontend.REFERENCE))],
)
def any_front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontEnd]:
    with serving(request.param, tmp_path_factory.mktemp("front")) as server:
        yield server


@pytest.fixture(scope="module", params=VARIANTS)
def front(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[FrontEnd]:
    with serving(request.param, tmp_path_factory.mktemp("front")) as server:
        yield server


def websocket(server: FrontEnd) -> ClientConnection:
    return connect(server.url.replace("http", "ws") + "/websocket", open_timeout=DEADLINE)


def assert_serves(server: FrontEnd) -> None:
    assert server.exchange(b"GET / HTTP/1.0\r\n\r\n").endswith(b"no stream")


@contextmanager
def nothing_left(server: FrontEnd) -> Iterator[None]:
    """See that the front end and the handler have as many sockets after the block as before."""
    pids = (server.pid, *children(server.pid))
    assert_serves(server)
    before = list(map(socket_count, pids))
    yield
    for pid, count in zip(pids, before, strict=True):
        wait_until(partial(has_sockets, pid, count), what=f"{count} sockets as before")


def has_sockets(pid: int, count: int) -> bool:
    return socket_count(pid) <= count


def socket_count(pid: int) -> int:
    return sum(what.startswith("socket:") for what in descriptors(pid).values())


# WebSockets


def test_websocket(any_front: FrontEnd) -> None:
    with nothing_left(any_front):
        with websocket(any_front) as client:
            for message in ("hello", b"\0" * 1000, "x" * 500_000, ""):
                client.send(message)
                assert client.recv(DEADLINE) == message
            client.ping().wait(DEADLINE)
        assert client.close_code == 1000


def test_a_refused_websocket(any_front: FrontEnd) -> None:
    uri = any_front.url.replace("http", "ws")
    with pytest.raises(InvalidStatus) as caught:
        connect(uri + "/", open_timeout=DEADLINE)
    assert caught.value.response.status_code == 200
    with Client(any_front.connect()) as client:
        assert client.send(request("/websocket")).reply().status == 426


# Bytes


def test_bytes_ahead_belong_to_the_stream(any_front: FrontEnd) -> None:
    ahead = request("/echo") + LARGE[:100_000]
    with nothing_left(any_front), opened(any_front, "/echo", ahead=ahead) as client:
        assert client.exactly(len(ahead)) == ahead
        client.sock.shutdown(socket.SHUT_WR)
        assert client.at_end()


def test_a_stream_is_logged_when_it_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    options = [f"--access-log={log}", "--access-log-format={target} {status} {sent} {received}"]
    with front_end(HANDLER, options=options) as server:
        for number in range(2):
            with opened(server, f"/echo?{number}", ahead=b"hello") as client:
                assert client.exactly(5) == b"hello"
                client.send(b" there")
                assert client.exactly(6) == b" there"
        wait_until(lambda: len(log.read_text("ascii").splitlines()) == 2)
    assert sorted(log.read_text("ascii").splitlines()) == ["/echo?0 101 11 11", "/echo?1 101 11 11"]


def test_a_stream_after_other_requests(front: FrontEnd) -> None:
    with Client(front.connect()) as client:
        client.send(request("/") * 3 + request("/echo", *ASKS) + b"abc")
        for _ in range(3):
            assert client.reply().body == b"no stream"
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        assert client.exactly(3) == b"abc"


def test_much_both_ways(any_front: FrontEnd) -> None:
    with nothing_left(any_front), opened(any_front, "/echo") as client:

        def send() -> None:
            client.sock.sendall(LARGE)
            client.sock.shutdown(socket.SHUT_WR)

        thread = threading.Thread(target=send)
        thread.start()
        assert read_to_end(client.sock) == LARGE
        thread.join()


def test_a_body_comes_before_the_stream(front: FrontEnd) -> None:
    """The handler has it whole, however large it is and whenever it comes."""
    for size in (3, 100_000):
        with Client(front.connect()) as client:
            body = b"x" * size
            whole = post("/echo", body, *ASKS) + b"abc"
            for piece in (whole[:50], whole[50:-5], whole[-5:]):
                client.send(piece)
            assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
            assert client.exactly(3) == b"abc"
            front.wait_for_log(f"body: {body!r}")


@pytest.mark.parametrize("dirplex", DIRPLEXES)
def test_a_dispatcher_in_between(dirplex: str, tmp_path: Path) -> None:
    """It has nothing to do: the response socket goes past it."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site/streams").touch()
    config = tmp_path / "dirplex.rc"
    config.write_text(f"child all\n  exec {' '.join(HANDLER)}\nmatch\n  default\n  handler all\n")
    argv = [dirplex_command(dirplex), "-N", "-c", str(config), str(tmp_path / "site")]
    with front_end(argv) as server, opened(server, "/streams/echo", ahead=b"abc") as client:
        assert client.exactly(3) == b"abc"
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b""


def test_a_handler_that_does_not_wait_for_the_body(front: FrontEnd) -> None:
    """The stream begins after the body all the same."""
    for size in (3, 100_000, 5_000_000):
        with nothing_left(front), Client(front.connect()) as client:
            client.send(request("/echo", f"Content-Length: {size}", *ASKS, method="PUT"))
            if size > 65536:  # a smaller one is held until it is whole
                assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
            client.send(b"x" * (size - 1))
            assert_serves(front)
            client.send(b"xabc")
            if size <= 65536:
                assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
            assert client.exactly(3) == b"abc"
        with nothing_left(front), Client(front.connect()) as client:
            client.send(request("/echo", f"Content-Length: {size}", *ASKS, method="PUT"))
            client.send(b"x" * (size - 1))  # and leave


# TLS


@pytest.mark.parametrize("variant", VARIANTS[:2])
def test_streams_over_tls(variant: str, tmp_path: Path, fifo: Path) -> None:
    authority = Authority(tmp_path)
    port = free_port()
    spec = f"ssl:cert={authority.certificate('127.0.0.1')},bind=127.0.0.1,port={port}"

    def opened_safely(target: str, ahead: bytes = b"") -> Client:
        client = Client(authority.connect(port))
        client.send(request(target, *ASKS) + ahead)
        assert client.until(b"\r\n\r\n").startswith(b"HTTP/1.1 101 ")
        return client

    with serving(variant, tmp_path, spec) as server, nothing_left(server):
        uri = f"wss://127.0.0.1:{port}/websocket"
        with connect(uri, ssl=authority.context, open_timeout=DEADLINE) as websocket:
            for message in ("hello", b"\0" * 500_000):
                websocket.send(message)
                assert websocket.recv(DEADLINE) == message
        with opened_safely("/echo", ahead=b"abc") as client:
            assert client.exactly(3) == b"abc"
            # A TLS socket isn't for two threads at once before Python 3.13.6.
            for start in range(0, len(LARGE), PIECE):
                piece = LARGE[start : start + PIECE]
                client.send(piece)
                assert client.exactly(len(piece)) == piece
        with opened_safely(f"/source?{len(LARGE)}") as client:
            assert len(client.exactly(len(LARGE))) == len(LARGE)
            assert client.at_end()
        with opened_safely(f"/sink?{fifo}") as client:
            assert client.exactly(5) == b"ready"
            client.send(LARGE[:300_000])  # and close, before the handler reads
        fifo.write_bytes(b"")
        server.wait_for_log("sink: 300000")


@pytest.mark.parametrize(
    "kind", [pytest.param(name, marks=needs(KINDS[name].program)) for name in KINDS]
)
def test_websocket_behind_a_proxy(kind: str, tmp_path: Path) -> None:
    """With the configurations of examples/."""
    with (
        tempfile.TemporaryDirectory(prefix="ashd-proxies-") as name,
        serving("uvloop", tmp_path) as server,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # proxies change their user
        make_certificate(Authority(folder), folder)
        places = Places(folder, server.port, 0, 0)
        with nothing_left(server), running(kind, places) as proxy:
            uri = f"wss://127.0.0.1:{places.https}/websocket"
            with connect(uri, ssl=proxy.context, open_timeout=DEADLINE) as websocket:
                for message in ("hello", b"\0" * 500_000):
                    websocket.send(message)
                    assert websocket.recv(DEADLINE) == message
            assert websocket.close_code == 1000


# Slow sides


def test_a_handler_that_does_not_read_holds_its_client_up(front: FrontEnd, fifo: Path) -> None:
    with nothing_left(front), opened(front, f"/sink?{fifo}") as client:
        assert client.exactly(5) == b"ready"
        client.sock.settimeout(0.2)
        sent = 0
        piece = memoryview(LARGE)[: 1 << 20]
        with suppress(TimeoutError):
            while sent < 100 << 20:
                sent += client.sock.send(piece)
        assert sent < 100 << 20
        client.sock.settimeout(DEADLINE)
        assert max(map(peak_resident_kib, [front.pid, *children(front.pid)])) < 200_000
        fifo.write_bytes(b"")
        client.sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b"%d" % sent


def test_a_client_that_does_not_read_holds_its_handler_up(front: FrontEnd) -> None:
    size = 30 << 20
    with nothing_left(front), opened(front, f"/source?{size}") as client:
        assert_serves(front)
        client.exactly(1000)
        assert_serves(front)
        left = size - 1000
        while left:
            left -= len(client.exactly(min(left, 1 << 16)))
        assert client.at_end()


# Ends


def test_the_end_of_a_client_is_told_and_the_handler_goes_on(front: FrontEnd) -> None:
    with nothing_left(front), opened(front, "/echo") as client:
        client.send(b"abc").sock.shutdown(socket.SHUT_WR)
        assert client.rest() == b"abc"


def test_the_end_of_a_handler_is_told_and_the_client_goes_on(front: FrontEnd) -> None:
    with nothing_left(front), opened(front, "/half") as client:
        assert client.rest() == b"bye"
        client.send(b"still there")
        client.sock.shutdown(socket.SHUT_WR)
        front.wait_for_log("after the end: b'still there'")


def test_a_handler_that_reads_no_more_can_send(front: FrontEnd) -> None:
    with nothing_left(front), opened(front, "/deaf") as client:
        client.send(b"a")
        assert client.exactly(4) == b"deaf"
        client.send(LARGE[:1_000_000])
        client.sock.shutdown(socket.SHUT_WR)


@pytest.mark.parametrize("leave", [Client.leave, Client.reset])
def test_a_client_that_leaves(front: FrontEnd, leave: Callable[[Client], None]) -> None:
    with nothing_left(front):
        client = opened(front, "/hold")
        front.wait_for_log("holding")
        leave(client)
        front.wait_for_log("held")
        client = opened(front, f"/source?{1 << 30}")
        client.exactly(1000)
        leave(client)
        front.wait_for_log("source was cut")


def test_a_handler_that_is_killed(tmp_path: Path) -> None:
    for variant in VARIANTS[:2]:
        with serving(variant, tmp_path) as server:
            with opened(server, "/die") as client, websocket(server) as other:
                assert client.exactly(5) == b"dying"
                assert client.send(b"x").rest() == b""
                with pytest.raises(ConnectionClosed):
                    other.recv(DEADLINE)
            wait_until(lambda: b"no stream" in server.exchange(b"GET / HTTP/1.0\r\n\r\n"))
            server.handler_pid = children(server.pid)[0]


# What can't be a switch


def test_switches_that_are_refused(front: FrontEnd) -> None:
    with nothing_left(front):
        for how, reason in (
            ("none", "no descriptor came"),
            ("two", "several descriptors"),
            ("file", "not a stream socket"),
            ("plain", "without X-Ash-Switch"),
        ):
            with about(how), Client(front.connect()) as client:
                assert client.send(request(f"/wrong/{how}", *ASKS)).reply().status == 502
                front.wait_for_log(f"GET /wrong/{how}: answered with 502: ")
                assert reason in front.log.partition(f"/wrong/{how}: answered")[2]


def test_only_who_asked_is_switched(front: FrontEnd) -> None:
    once = "HTTP/1.0"
    with nothing_left(front):
        for data in (
            request("/echo"),
            request("/echo", "Upgrade: echo"),
            request("/echo", "Connection: Upgrade"),
            request("/echo", *ASKS, version=once),
        ):
            with about(repr(data)), Client(front.connect()) as client:
                assert client.send(data).reply().status == 502


def test_a_descriptor_beside_another_response_is_closed(front: FrontEnd) -> None:
    with nothing_left(front), Client(front.connect()) as client:
        for fields in (ASKS, ()):
            assert client.send(request("/wrong/200", *fields)).reply().status == 200


# Interim responses


def test_interim_responses(any_front: FrontEnd) -> None:
    """The front end says 100 by itself, once."""
    with Client(any_front.connect()) as client:
        for _ in range(2):
            client.send(request("/hints?2"))
            assert [client.reply().status for _ in range(3)] == [103, 103, 200]


def test_interim_responses_to_requests_sent_ahead(front: FrontEnd) -> None:
    with Client(front.connect()) as client:
        expecting = post("/hints?1", b"", "Expect: 100-continue")
        client.send(request("/hints?1") + request("/hints?1", method="HEAD") + request("/"))
        assert [client.reply().status for _ in range(2)] == [103, 200]
        assert [client.reply(head_only=True).status for _ in range(2)] == [103, 200]
        assert client.reply().body == b"no stream"
        client.send(expecting.replace(b"Length: 0", b"Length: 3"))
        assert client.reply().status == 100
        client.send(b"abc")
        assert client.reply().status == 103
        assert client.reply().body == b"abc"
        client.send(request("/hints?1", version="HTTP/1.0"))
        assert client.reply().body == b"done"


def test_interim_responses_without_end(front: FrontEnd) -> None:
    with Client(front.connect()) as client:
        client.send(request("/hints?1000"))
        statuses = {103}
        while 103 in statuses:
            statuses = {client.reply().status}
        assert statuses == {502}


# Limits


def test_an_idle_stream_is_cut_after_its_own_time(tmp_path: Path) -> None:
    options = ("--idle-time=0.2", "--head-time=0.2", "--stream-idle-time=2")
    with (
        serving("uvloop", tmp_path, *options) as server,
        opened(server, "/echo") as busy,
        opened(server, "/hold") as idle,
    ):
        for _ in range(30):
            assert busy.send(b"x").exactly(1) == b"x"
            if "held" in server.log:
                break
            busy.sock.settimeout(0.1)
            with suppress(TimeoutError):
                busy.sock.recv(1)
            busy.sock.settimeout(DEADLINE)
        assert idle.rest() == b""
        assert busy.send(b"y").exactly(1) == b"y"


def test_an_idle_stream_keeps_its_place(tmp_path: Path) -> None:
    """Idle connections make room for a new client; a stream that was just active doesn't."""
    with (
        serving("uvloop", tmp_path, "--connections=2") as server,
        opened(server, "/echo") as stream,
        Client(server.connect()) as idle,
    ):
        assert idle.send(request("/")).reply().status == 200
        for _ in range(3):
            assert_serves(server)
        assert idle.at_end()
        assert stream.send(b"x").exactly(1) == b"x"


def test_a_handler_that_ends_ends_its_streams(tmp_path: Path) -> None:
    for variant in VARIANTS:
        with serving(variant, tmp_path) as server, ExitStack() as stack:
            clients = [stack.enter_context(opened(server, "/echo")) for _ in range(3)]
            server.terminate()
            for client in clients:
                assert client.rest() == b""
                client.leave()
            assert server.wait() == 0


def test_streams_are_cut_when_the_time_to_stop_is_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as backend:
        port = backend.getsockname()[1]
        for variant in VARIANTS:
            with serving(variant, tmp_path, "--stop-time=1") as server:
                with opened(server, f"/proxy?{port}") as client, backend.accept()[0] as other:
                    server.terminate()
                    server.wait_until_closed()
                    client.send(b"abc")
                    assert other.recv(3) == b"abc"
                    other.sendall(b"def")
                    assert client.exactly(3) == b"def"
                    assert client.rest() == b""
                    assert other.recv(1) == b""
                assert server.wait() == 0


def test_a_thousand_idle_streams(tmp_path: Path) -> None:
    count = 1000
    with (
        room_for(3 * count),
        serving("uvloop", tmp_path, f"--connections={count + 1}") as server,
        nothing_left(server),
        socket.create_server(("127.0.0.1", 0), backlog=count) as backend,
        ExitStack() as stack,
    ):
        target = f"/proxy?{backend.getsockname()[1]}"
        pairs = []
        for _ in range(count):
            client = stack.enter_context(opened(server, target))
            pairs.append((client, stack.enter_context(backend.accept()[0])))
        assert_serves(server)
        for client, other in pairs[:: count // 10]:
            other.sendall(b"abc")
            assert client.exactly(3) == b"abc"

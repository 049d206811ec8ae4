"""`wsgi.input`: reading a request's body, whole, in pieces, and too late."""

from __future__ import annotations

import io
import select
import socket
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from ashd.wsgi import CutBodyError
from ashd.wsgi._body import Body
from ashdtest.bodies import BODY, CHUNKED, TEXT, Pairs, declared, reading
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all


def everything_with(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    """Call `read` until it gives nothing."""
    return lambda stream: list(iter(lambda: read(stream) or None, None))


def into(stream: Any, method: str = "readinto") -> bytes:
    buffer = bytearray(5)
    count = getattr(stream, method)(buffer)
    return bytes(buffer[:count])


READERS: dict[str, tuple[Callable[[Any], object], object]] = {
    "read": (lambda stream: stream.read(), BODY),
    "read(-1)": (lambda stream: stream.read(-1), BODY),
    "read(None)": (lambda stream: stream.read(None), BODY),
    "read(0)": (lambda stream: stream.read(0), b""),
    "read(n)": (everything_with(lambda s: s.read(10)), [BODY[:10], BODY[10:20], BODY[20:]]),
    "read(more)": (lambda stream: stream.read(1000), BODY),
    "read twice": (lambda stream: (stream.read(), stream.read()), (BODY, b"")),
    "readline": (everything_with(lambda s: s.readline()), BODY.splitlines(keepends=True)),
    "readline(n)": (
        lambda stream: [stream.readline(3) for _ in range(3)],
        [b"fir", b"st\n", b"sec"],
    ),
    "readlines": (lambda stream: stream.readlines(), BODY.splitlines(keepends=True)),
    "readlines(hint)": (lambda stream: stream.readlines(1), [b"first\n"]),
    "iteration": (list, BODY.splitlines(keepends=True)),
    "next": (lambda stream: (next(stream), next(stream)), (b"first\n", b"second line\n")),
    "iteration, then read": (lambda s: (next(iter(s)), s.read()), (b"first\n", BODY[6:])),
    "read1": (lambda stream: b"".join(everything_with(lambda s: s.read1(4))(stream)), BODY),
    "readinto": (lambda stream: b"".join(everything_with(into)(stream)), BODY),
    "readinto1": (
        lambda stream: b"".join(everything_with(lambda s: into(s, "readinto1"))(stream)),
        BODY,
    ),
    "readinto of nothing": (lambda s: (s.readinto(bytearray()), s.read()), (0, BODY)),
    "peek": (lambda stream: (stream.peek(1)[:1], stream.read()), (b"f", BODY)),
    "text": (lambda stream: io.TextIOWrapper(stream, "utf-8").read(), BODY.decode()),
    "text lines": (
        lambda stream: list(io.TextIOWrapper(stream, "utf-8")),
        BODY.decode().splitlines(keepends=True),
    ),
    "buffered once more": (lambda stream: io.BufferedReader(stream).read(), BODY),
    "kind": (
        lambda s: (s.readable(), s.writable(), s.seekable(), s.closed),
        (True, False, False, False),
    ),
    "closed by the application": (
        lambda stream: (stream.read(5), stream.close()),
        (b"first", None),
    ),
}


@pytest.mark.parametrize("name", READERS)
def test_ways_to_read(serve: Serve, name: str) -> None:
    function, expected = READERS[name]
    server = serve(reading(function))
    assert server.call(headers=TEXT, method=b"POST", body=BODY).body == repr(expected).encode()


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 3_000_000])
def test_bodies_of_all_sizes(serve: Serve, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    server = serve(reading(lambda stream: hash(stream.read())))
    answer = server.call(headers=TEXT, method=b"POST", body=body[:size]).body
    assert answer == repr(hash(body[:size])).encode()


def test_a_chunked_body_ends_where_the_socket_does(serve: Serve) -> None:
    server = serve(reading(lambda stream: stream.read()))
    with server.open(method=b"POST", headers=CHUNKED) as client:
        client.sendall(BODY)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(repr(BODY).encode())


@pytest.mark.parametrize("headers", [[], [(b"Content-Length", b"0")]])
def test_no_body(serve: Serve, headers: Pairs) -> None:
    server = serve(reading(lambda stream: stream.read()))
    with server.open(headers=headers) as client:
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(repr(b"").encode())


def test_a_body_that_comes_slowly_is_read_when_it_is_there() -> None:
    """Many such clients share the interpreter, and each vain attempt to read is paid by all."""
    ours, theirs = socket.socketpair()
    vain = []

    def watch(_: FrameType, event: str, function: Any) -> None:
        if event == "c_exception":
            vain.append(function)
        elif event == "c_call" and function.__name__ == "poll" and function is not select.poll:
            theirs.send(b"a")

    with ours, theirs:
        ours.setblocking(False)
        body = Body(ours.fileno())
        sys.setprofile(watch)
        try:
            counts = [body.readinto(bytearray(9)) for _ in range(9)]
        finally:
            sys.setprofile(None)
    assert counts == [1] * 9
    assert len(vain) == 1


def test_whoever_does_not_read_does_not_wait(serve: Serve) -> None:
    server = serve(lambda environ, start_response: start_response("200 OK", []) and [b"x"])
    with server.open() as client:  # which does not even say that there is no body
        assert read_all(client).endswith(b"\r\n\r\nx")


def test_the_body_cannot_be_read_after_the_response(way: str) -> None:
    kept: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        kept.append(environ["wsgi.input"])
        start_response("200 OK", [])
        return []

    with served(application, way) as server:
        server.call(method=b"POST", headers=TEXT, body=BODY)
        server.call(method=b"POST", headers=TEXT, body=BODY)
        server.call()  # without a body
    for stream in kept:
        with pytest.raises(OSError, match="can't be read after its response"):
            stream.read()


def test_what_was_buffered_can_be_read_after_the_response(way: str) -> None:
    kept: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        kept.append(environ["wsgi.input"])
        start_response("200 OK", [])
        return [environ["wsgi.input"].readline()]

    with served(application, way) as server:
        assert server.call(method=b"POST", headers=TEXT, body=BODY).body == b"first\n"
    assert kept[0].readline() == b"second line\n"


LARGE = 6_000_000  # bytes, beyond all that sockets take, and beyond what is set aside in memory


@pytest.mark.parametrize("kind", ["list", "many", "generator", "iterator", "file"])
def test_a_large_response_in_front_of_a_large_body_does_not_hang(
    serve: Serve, tmp_path: Path, kind: str
) -> None:
    """Such a front end writes the whole body before it reads any of the response."""
    path = tmp_path / "large"
    path.write_bytes(bytes(LARGE))
    made: dict[str, Callable[[dict[str, Any]], Any]] = {
        "list": lambda environ: [bytes(LARGE)],
        "many": lambda environ: [bytes(1000)] * (LARGE // 1000),
        "generator": lambda environ: (bytes(1000) for _ in range(LARGE // 1000)),
        "iterator": lambda environ: iter([bytes(LARGE)]),
        "file": lambda environ: environ["wsgi.file_wrapper"](path.open("rb")),
    }

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        return made[kind](environ)

    server = serve(application)
    with server.open(method=b"POST", headers=declared(LARGE)) as client:
        client.sendall(bytes(LARGE))
        client.shutdown(socket.SHUT_WR)
        head, _, body = read_all(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert body == bytes(LARGE)


def test_a_body_that_was_set_aside_can_still_be_read(serve: Serve) -> None:
    body = b"".join(b"%d\n" % number for number in range(LARGE // 7))

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        first = environ["wsgi.input"].readline()
        yield bytes(LARGE)
        yield b"\n" + first
        yield environ["wsgi.input"].readline()
        yield from iter(lambda: environ["wsgi.input"].read(50_000), b"")

    server = serve(application)
    with server.open(method=b"POST", headers=declared(len(body))) as client:
        client.sendall(body)
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.endswith(bytes(100) + b"\n" + body)


def test_a_body_that_was_set_aside_and_then_cut_raises(way: str) -> None:
    raised: list[OSError] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        yield bytes(LARGE)
        try:
            while environ["wsgi.input"].read(50_000):
                pass
        except OSError as error:
            raised.append(error)

    with (
        served(application, way) as server,
        server.open(method=b"POST", headers=declared(LARGE + 1)) as client,
    ):
        client.sendall(bytes(LARGE))
        client.shutdown(socket.SHUT_WR)
        read_all(client)
    assert [type(error) for error in raised] == [CutBodyError]


def test_an_unread_body_is_taken_in_to_its_end(serve: Serve) -> None:
    """Closing while some of it is unread would look like a cut response."""
    server = serve(lambda environ, start_response: start_response("200 OK", []) and [b"done"])
    with server.open(method=b"POST", headers=declared(LARGE)) as client:
        assert client.recv(1000).endswith(b"\r\n\r\ndone")
        assert client.recv(1) == b""  # the response is complete
        client.sendall(bytes(LARGE))
        client.shutdown(socket.SHUT_WR)
        assert client.recv(1) == b""

"""`wsgi.input`: reading a request's body, whole, in pieces, cut, withheld, and too late."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from ashd.wsgi import CutBodyError
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all

Pairs = list[tuple[bytes, bytes]]

TEXT: Pairs = [(b"Content-Type", b"text/plain")]
CHUNKED: Pairs = [*TEXT, (b"Transfer-Encoding", b"chunked")]
BODY = b"first\nsecond line\n\nlast"


def declared(length: int) -> Pairs:
    return [*TEXT, (b"Content-Length", b"%d" % length)]


def answering(function: Callable[[Any], object]) -> Any:
    """Return an application that answers with what `function(wsgi.input)` gives, as text."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            text = repr(function(environ["wsgi.input"]))
        except OSError as error:
            text = f"{type(error).__name__}: {error}"
        start_response("200 OK", [])
        return [text.encode()]

    return application


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
    server = serve(answering(function))
    assert server.call(headers=TEXT, method=b"POST", body=BODY).body == repr(expected).encode()


@pytest.mark.parametrize("size", [1, 65535, 65536, 65537, 3_000_000])
def test_bodies_of_all_sizes(serve: Serve, size: int) -> None:
    body = bytes(range(256)) * (size // 256 + 1)
    server = serve(answering(lambda stream: hash(stream.read())))
    answer = server.call(headers=TEXT, method=b"POST", body=body[:size]).body
    assert answer == repr(hash(body[:size])).encode()


def test_a_chunked_body_ends_where_the_socket_does(serve: Serve) -> None:
    server = serve(answering(lambda stream: stream.read()))
    with server.open(method=b"POST", headers=CHUNKED) as client:
        client.sendall(BODY)
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(repr(BODY).encode())


@pytest.mark.parametrize("headers", [[], [(b"Content-Length", b"0")]])
def test_no_body(serve: Serve, headers: Pairs) -> None:
    server = serve(answering(lambda stream: stream.read()))
    with server.open(headers=headers) as client:
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).endswith(repr(b"").encode())


def test_whoever_does_not_read_does_not_wait(serve: Serve) -> None:
    server = serve(lambda environ, start_response: start_response("200 OK", []) and [b"x"])
    with server.open() as client:  # which does not even say that there is no body
        assert read_all(client).endswith(b"\r\n\r\nx")


# Cut bodies. The front end closes its end when the client goes away: then nobody is there to see
# the answer, and the application's log tells what it got.


def reads_of_cut_body(way: str, headers: Pairs, sent: bytes, *, close: bool) -> list[str]:
    seen: list[str] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        stream = environ["wsgi.input"]
        for read in (stream.read, stream.read, lambda: stream.read(1), stream.readline):
            try:
                seen.append(repr(read()))
            except CutBodyError as error:
                seen.append(str(error))
        start_response("200 OK", [])
        return []

    with served(application, way) as server:
        client = server.open(method=b"POST", headers=headers)
        client.sendall(sent)
        if close:
            client.close()
        else:
            client.shutdown(socket.SHUT_WR)
            read_all(client)
    return seen


@pytest.mark.parametrize(
    ("headers", "sent", "close"),
    [
        (declared(10), b"", True),
        (declared(10), b"five!", True),
        (declared(10), b"five!", False),
        (declared(10), b"", False),
        (CHUNKED, b"", True),
        (CHUNKED, b"five!", True),
    ],
)
def test_a_cut_body_is_never_a_clean_end(
    way: str, headers: Pairs, sent: bytes, close: bool
) -> None:
    seen = reads_of_cut_body(way, headers, sent, close=close)
    assert all(text.startswith("the request's body was cut after") for text in seen), seen
    assert f"after {len(sent)} of 10 bytes" in seen[0] or headers is CHUNKED


@pytest.mark.parametrize(
    ("headers", "sent", "close"),
    [
        (declared(5), b"five!", True),  # whole: that the client has gone is another matter
        (declared(5), b"five!", False),
        (CHUNKED, b"five!", False),
        (CHUNKED, b"", False),
    ],
)
def test_a_whole_body_ends_cleanly(way: str, headers: Pairs, sent: bytes, close: bool) -> None:
    seen = reads_of_cut_body(way, headers, sent, close=close)
    assert seen == [repr(sent), "b''", "b''", "b''"]


def test_lines_before_the_cut_are_delivered(way: str) -> None:
    lines: list[bytes] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        lines.extend(environ["wsgi.input"])
        raise AssertionError("the end was clean")

    with served(application, way) as server, server.open(headers=CHUNKED) as client:
        client.sendall(b"one\ntwo\nthr")
    assert lines == [b"one\n", b"two\n"]


def test_a_cut_body_that_nobody_catches_is_no_error_of_the_application(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        environ["wsgi.input"].read()
        raise AssertionError("the end was clean")

    with (
        served(application, way) as server,
        server.open(method=b"POST", headers=declared(10)) as client,
    ):
        client.sendall(b"five!")
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]


# Requests whose body the reference front end withholds and takes for the next request


WITHHELD: dict[str, Pairs] = {
    "length without type": [(b"Content-Length", b"5")],
    "chunked without type": [(b"Transfer-Encoding", b"chunked")],
    "length and coding": [*declared(5), (b"Transfer-Encoding", b"chunked")],
    "other coding": [*TEXT, (b"Transfer-Encoding", b"gzip, chunked")],
    "coding twice": [*CHUNKED, (b"Transfer-Encoding", b"chunked")],
    "identity": [*TEXT, (b"Transfer-Encoding", b"identity")],
}


@pytest.mark.parametrize("name", WITHHELD)
def test_a_withheld_body_is_empty_and_the_connection_closes(serve: Serve, name: str) -> None:
    server = serve(answering(lambda stream: stream.read()))
    with server.open(method=b"POST", headers=WITHHELD[name]) as client:
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert b"\r\nConnection: close\r\n" in answer
    assert answer.endswith(repr(b"").encode())


@pytest.mark.parametrize("name", WITHHELD)
def test_the_same_body_can_be_read_when_it_comes(serve: Serve, name: str) -> None:
    server = serve(answering(lambda stream: stream.read()))
    with server.open(method=b"POST", headers=WITHHELD[name]) as client:
        client.sendall(b"five!")
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert b"\r\nConnection: close\r\n" not in answer
    assert answer.endswith(repr(b"five!").encode())


def test_a_failure_closes_a_doubtful_connection_too(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("as planned")

    server = serve(application)
    with server.open(method=b"POST", headers=WITHHELD["length without type"]) as client:
        client.shutdown(socket.SHUT_WR)
        assert b"\r\nConnection: close\r\n" in read_all(client)


def test_ordinary_requests_keep_the_connection(serve: Serve) -> None:
    server = serve(answering(lambda stream: None))
    assert server.call().get(b"Connection") is None
    assert server.call(method=b"POST", headers=TEXT, body=b"x").get(b"Connection") is None
    with server.open(method=b"POST", headers=CHUNKED) as client:
        client.shutdown(socket.SHUT_WR)
        assert b"Connection" not in read_all(client)


@pytest.mark.parametrize(
    "headers", [declared(5) + declared(6)[1:], [(b"Content-Length", b"x")], declared(10**19)]
)
def test_a_length_that_makes_no_sense_is_refused(serve: Serve, headers: Pairs) -> None:
    calls: list[object] = []
    server = serve(lambda environ, start_response: calls.append(environ))
    with server.open(method=b"POST", headers=headers) as client:
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"\r\nConnection: close\r\n" in answer
    assert not calls


# Before and after the response


def test_the_body_cannot_be_read_after_the_response(way: str) -> None:
    kept: list[Any] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        kept.append(environ["wsgi.input"])
        start_response("200 OK", [])
        return []

    with served(application, way) as server:
        server.call(method=b"POST", headers=TEXT, body=BODY)
        server.call(method=b"POST", headers=TEXT, body=BODY)
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

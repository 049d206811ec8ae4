"""What our front end promises (`X-Ash-Framing`), and how a response then tells that it is whole."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ashdtest.answers import LARGE, Sized, answering, each_error, raising
from ashdtest.bodies import TEXT, Pairs
from ashdtest.exchanges import Serve
from ashdtest.handlers import Caller, read_all
from ashdtest.http import Reader, Reply

CHUNKS: Pairs = [(b"X-Ash-Framing", b"certain, chunked")]
BLOCK = bytes(range(256)) * 400
ZEROS = bytes(LARGE)
NUMBERS = [b"%d," % number for number in range(1000)]
THIS = Path(__file__)


def ask(server: Caller, headers: Pairs = CHUNKS, method: bytes = b"GET") -> Reply:
    """Return a response that has to be whole; ConnectionError when it is cut."""
    with server.open(method=method, headers=headers) as client:
        reader = Reader(client)
        reply = reader.reply(head_only=method == b"HEAD")
        assert reader.at_end()
        return reply


def written(*pieces: bytes, result: Any) -> Any:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", [])
        for piece in pieces:
            write(piece)
        return result() if callable(result) else result

    return application


def wrapped(make: Callable[[], Any], *pieces: bytes) -> Any:
    """Return an application that gives a file through the file wrapper, after pieces by write()."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        write = start_response("200 OK", [])
        for piece in pieces:
            write(piece)
        return environ["wsgi.file_wrapper"](make())

    return application


WHOLE: dict[str, tuple[Any, bytes]] = {
    "generator": (answering(lambda: iter([b"one", b"", b"two"])), b"onetwo"),
    "large pieces": (answering(lambda: iter([BLOCK, ZEROS, b"x"])), BLOCK + ZEROS + b"x"),
    "many pieces": (answering(lambda: iter(NUMBERS)), b"".join(NUMBERS)),
    "sized": (answering(Sized(b"one", b"two")), b"onetwo"),
    "write": (written(b"one", result=[]), b"one"),
    "write and a list": (written(b"one", result=[b"two", b"three"]), b"onetwothree"),
    "write and large lists": (written(b"one", result=[BLOCK] * 20), b"one" + BLOCK * 20),
    "write and a generator": (written(BLOCK, b"y", result=lambda: iter([b"two"])), BLOCK + b"ytwo"),
    "write and a file": (wrapped(lambda: THIS.open("rb"), b"one"), b"one" + THIS.read_bytes()),
    "file without a size": (wrapped(lambda: io.BytesIO(BLOCK)), BLOCK),
}


@pytest.mark.parametrize("name", WHOLE)
def test_a_body_of_unknown_size_comes_in_chunks_up_to_the_last(serve: Serve, name: str) -> None:
    application, body = WHOLE[name]
    reply = ask(serve(application))
    assert reply.headers.get("transfer-encoding") == "chunked"
    assert "content-length" not in reply.headers
    assert reply.body == body


@pytest.mark.parametrize("name", WHOLE)
def test_nobody_else_gets_chunks(serve: Serve, name: str) -> None:
    application, body = WHOLE[name]
    for headers in ([], [(b"X-Ash-Framing", b"certain")], [(b"X_Ash_Framing", b"chunked")]):
        reply = ask(serve(application), headers)
        assert "transfer-encoding" not in reply.headers
        assert reply.body == body


@pytest.mark.parametrize("value", [b"chunked", b"later,CHUNKED ", b"\tchunked\t, certain"])
def test_ways_to_ask_for_chunks(serve: Serve, value: bytes) -> None:
    reply = ask(serve(answering(lambda: iter([b"x"]))), [(b"x-ash-framing", value)])
    assert reply.headers.get("transfer-encoding") == "chunked"


@pytest.mark.parametrize(
    ("application", "method", "head"),
    [
        (answering([b"one", b"two"]), b"GET", "Content-Length: 6"),
        (answering(Sized(b"one")), b"GET", "Content-Length: 3"),
        (answering([]), b"GET", "Content-Length: 0"),
        (answering(lambda: iter([])), b"GET", "Content-Length: 0"),
        (answering(lambda: iter([b"x"]), headers=[("Content-Length", "1")]), b"GET", "Length: 1"),
        (answering(lambda: iter([b"x"]), "204 None"), b"GET", "Content-Length: 0"),
        (answering(lambda: iter([b"x"]), "304 Same"), b"GET", "Content-Length: 0"),
        (answering(lambda: iter([b"x"])), b"HEAD", "HTTP/1.1 200 OK"),
    ],
)
def test_what_needs_no_chunks_has_none(
    serve: Serve, application: Any, method: bytes, head: str
) -> None:
    with serve(application).open(method=method, headers=CHUNKS) as client:
        answer = read_all(client).decode()
    assert f"{head}\r\n" in answer
    assert "chunked" not in answer
    assert "0\r\n\r\n" not in answer.partition("\r\n\r\n")[2]


def shrinking(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Length", "10")])
    yield b"begun"


CUT: dict[str, Any] = {
    "generator": answering(lambda: raising(RuntimeError("as planned"), b"begun")),
    "str": answering(lambda: iter([b"begun", "text"])),
    "large": answering(lambda: raising(RuntimeError("as planned"), bytes(LARGE))),
    "write and an exception": written(
        b"begun", result=lambda: next(raising(RuntimeError("as planned")))
    ),
    "write and a str": written(b"begun", result=[b"x", "text"]),
    "write and None": written(b"begun", result=None),
    "short of its length": shrinking,
}


@pytest.mark.parametrize("name", CUT)
def test_a_response_that_fails_midway_is_cut(serve: Serve, name: str) -> None:
    with pytest.raises(ConnectionError, match="cut"):
        ask(serve(CUT[name]))


@each_error
def test_no_kind_of_exception_makes_a_response_whole(
    serve: Serve, error: type[BaseException]
) -> None:
    with pytest.raises(ConnectionError, match="cut"):
        ask(serve(answering(lambda: raising(error("as planned"), b"begun"))))


def test_a_close_that_fails_comes_after_the_end(serve: Serve) -> None:
    class Closing:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"whole"])

        def close(self) -> None:
            raise RuntimeError("as planned")

    assert ask(serve(answering(Closing()))).body == b"whole"


# Bodies of requests


DOUBTFUL: dict[str, Pairs] = {
    "length without type": [(b"Content-Length", b"5")],
    "chunked without type": [(b"Transfer-Encoding", b"chunked")],
    "the same length twice": [*TEXT, (b"Content-Length", b"5"), (b"Content-Length", b"5")],
}


def reads(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]


@pytest.mark.parametrize("name", DOUBTFUL)
@pytest.mark.parametrize("application", [reads, answering([b"unread"])])
def test_where_framing_is_certain_the_connection_goes_on(
    serve: Serve, name: str, application: Any
) -> None:
    with serve(application).open(method=b"POST", headers=[*CHUNKS, *DOUBTFUL[name]]) as client:
        client.sendall(b"five!")
        client.shutdown(socket.SHUT_WR)
        answer = read_all(client)
    assert answer.endswith((b"five!", b"unread"))
    assert b"Connection" not in answer


def test_where_framing_is_certain_no_body_is_withheld(serve: Serve) -> None:
    headers = [*CHUNKS, *DOUBTFUL["length without type"]]
    with serve(reads).open(method=b"POST", headers=headers) as client:
        client.shutdown(socket.SHUT_WR)
        assert read_all(client).startswith(b"HTTP/1.1 400 ")

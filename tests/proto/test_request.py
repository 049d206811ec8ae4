"""A request in the hands of a handler."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest

from ashd.proto import Headers, Request, decode_request, req
from ashdtest.processes import descriptors

HEADERS = [
    (b"Host", b"example.org"),
    (b"Accept", b"one"),
    (b"accept", b"two"),
    (b"X-Ash-File", b"outer"),
    (b"x-ash-file", b"inner"),
]


class Pair:
    """A request and the client's end of its response socket."""

    def __init__(self, rest: bytes = b"a/b", headers: Headers | None = None) -> None:
        self.client, theirs = socket.socketpair()
        fields = list(HEADERS if headers is None else headers)
        self.request = Request(b"GET", b"/a/b?c", b"HTTP/1.1", rest, fields, theirs.detach())

    def answer(self) -> bytes:
        with self.client.makefile("rb") as stream:
            return stream.read()


@pytest.fixture
def pair() -> Iterator[Pair]:
    before = descriptors()
    pair = Pair()
    yield pair
    pair.client.close()
    pair.request.close()
    assert descriptors() == before


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Host", b"example.org"),
        ("hOST", b"example.org"),
        (b"host", b"example.org"),
        ("Accept", b"one"),
        ("X-Ash-File", b"inner"),
    ],
)
def test_headers(pair: Pair, name: str | bytes, value: bytes) -> None:
    assert pair.request[name] == value
    assert pair.request.get(name) == value
    assert name in pair.request


def test_headers_that_are_not_there(pair: Pair) -> None:
    assert "Cookie" not in pair.request
    assert pair.request.get("Cookie") is None
    assert pair.request.get("Cookie", b"none") == b"none"
    with pytest.raises(KeyError, match="Cookie"):
        pair.request["Cookie"]


def test_all_values_of_a_header(pair: Pair) -> None:
    assert pair.request.get_all("ACCEPT") == [b"one", b"two"]
    assert pair.request.get_all("Cookie") == []


def test_match_strips_what_it_found(pair: Pair) -> None:
    assert not pair.request.match("b")
    assert pair.request.rest == b"a/b"
    assert pair.request.match("a/")
    assert pair.request.rest == b"b"
    assert pair.request.match(b"b")
    assert pair.request.rest == b""
    assert pair.request.match("")
    assert pair.request.url == b"/a/b?c"


def test_the_datagram_of_a_request_follows_its_changes(pair: Pair) -> None:
    pair.request.match("a/")
    pair.request.headers.append((b"X-Ash-File", b"new"))
    assert decode_request(pair.request.encode()) == (
        b"GET",
        b"/a/b?c",
        b"HTTP/1.1",
        b"b",
        [*HEADERS[:5], (b"X-Ash-File", b"new")],
    )
    pair.request.headers.pop()


def test_close_flushes_and_ends_the_response(pair: Pair) -> None:
    pair.request.stream.write(b"answer")
    pair.request.close()
    assert pair.answer() == b"answer"
    pair.request.close()


def test_with_closes(pair: Pair) -> None:
    with pair.request as request:
        assert request is pair.request
        request.stream.write(b"answer")
    assert pair.answer() == b"answer"
    with pytest.raises(ValueError, match="closed"):
        request.fileno()


def test_a_stream_reads_the_body_to_its_end(pair: Pair) -> None:
    pair.client.sendall(b"line\nrest")
    pair.client.shutdown(socket.SHUT_WR)
    assert pair.request.stream.readline() == b"line\n"
    assert pair.request.stream.read() == b"rest"


def test_socket_and_stream_are_of_the_same_descriptor(pair: Pair) -> None:
    assert pair.request.socket is pair.request.socket
    assert pair.request.stream is pair.request.stream
    assert pair.request.socket.fileno() == pair.request.fileno()


def test_a_client_that_went_away_is_no_error_at_the_end(pair: Pair) -> None:
    pair.client.close()
    pair.request.stream.write(b"answer")
    pair.request.close()


def test_a_client_that_went_away_is_an_error_while_writing(pair: Pair) -> None:
    pair.client.close()
    pair.request.stream.write(b"answer")
    with pytest.raises(BrokenPipeError):
        pair.request.stream.flush()


def test_a_response_that_cannot_be_written_now_is_closed_all_the_same(pair: Pair) -> None:
    pair.request.socket.setblocking(False)
    piece = b"x" * 65536
    with suppress(BlockingIOError):
        while True:
            pair.request.socket.send(piece)
    pair.request.stream.write(b"the buffered end")
    with pytest.raises(BlockingIOError):
        pair.request.close()
    pair.client.setblocking(False)
    while pair.client.recv(1 << 20):
        pass  # until end-of-file: a descriptor that stayed open would raise BlockingIOError here


def test_detach_flushes_and_hands_the_descriptor_over(pair: Pair) -> None:
    pair.request.stream.write(b"first ")
    with socket.socket(fileno=pair.request.detach()) as mine:
        pair.request.close()
        mine.sendall(b"second")
    assert pair.answer() == b"first second"


def test_detach_without_a_stream(pair: Pair) -> None:
    fd = pair.request.fileno()
    assert pair.request.detach() == fd
    pair.request.close()
    os.close(fd)
    with pytest.raises(ValueError, match="closed"):
        pair.request.detach()


def test_detach_keeps_the_descriptor_when_flushing_fails(pair: Pair) -> None:
    pair.request.stream.write(b"answer")
    pair.client.close()
    with pytest.raises(BrokenPipeError):
        pair.request.detach()
    assert pair.request.fileno() >= 0


def test_a_copy_has_a_descriptor_of_its_own(pair: Pair) -> None:
    pair.request.arrival_ns = 7
    copy = pair.request.dup()
    copy.headers.append((b"New", b"one"))
    copy.match("a/")
    assert "New" not in pair.request
    assert pair.request.rest == b"a/b"
    assert copy.arrival_ns == 7
    pair.request.close()
    with copy:
        copy.stream.write(b"from the copy")
    assert pair.answer() == b"from the copy"


TOUCHES: dict[str, tuple[Callable[[Request], object], bool]] = {
    "matching": (lambda request: request.match("a"), True),
    "reading a header": (lambda request: request.get("Host"), True),
    "writing": (lambda request: request.stream.write(b"x"), False),
    "a copy": (lambda request: request.dup().close(), False),
    "closing": (Request.close, False),
}


@pytest.mark.parametrize(("touch", "untouched"), TOUCHES.values(), ids=TOUCHES)
def test_untouched_means_that_nobody_can_have_written(
    pair: Pair, touch: Callable[[Request], object], untouched: bool
) -> None:
    touch(pair.request)
    assert pair.request.untouched is untouched


def test_a_forgotten_request_warns_and_is_closed() -> None:
    pair = Pair()
    with pair.client:
        with pytest.warns(ResourceWarning, match="unclosed <Request b'GET'"):
            del pair.request
        assert pair.client.recv(1) == b""


def test_a_request_that_could_not_be_made_leaves_no_trace() -> None:
    with pytest.raises(TypeError):
        Request(b"GET")  # type: ignore[call-arg]


def test_the_names_of_the_original_library(pair: Pair) -> None:
    assert isinstance(pair.request, req)
    assert pair.request.ver == b"HTTP/1.1"
    assert pair.request.sk is pair.request.stream
    assert pair.request.bsk is pair.request.socket
    pair.request.sk.write(b"answer")
    pair.request.close()
    assert pair.answer() == b"answer"


def test_its_text_names_what_one_looks_for(pair: Pair) -> None:
    text = repr(pair.request)
    assert "b'GET'" in text
    assert "b'/a/b?c'" in text

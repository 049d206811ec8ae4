"""No bytes at all make the parsers do anything but return or raise their own error."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ashd.htparser._errors import RequestError, ResponseError
from ashd.htparser._limits import Limits
from ashd.htparser._response import ResponseFramer
from ashd.htparser._syntax import is_ash
from ashd.proto import decode_request, encode_request
from ashdtest.requests import Received, cut, read_requests

LIMITS = Limits(head_size=400, target_size=50)
FRAGMENTS = [
    *(b"GET", b"POST", b"OPTIONS", b" ", b"/", b"/a?b", b"*", b"http://h/p"),
    *(b"HTTP/1.1", b"HTTP/1.0"),
    *(b"\r\n", b"\r\n\r\n", b"\n", b"\r", b"\0", b"\t", b":", b": ", b",", b";", b"0", b"5", b"a"),
    *(b"Host: a", b"Content-Length: 5", b"Transfer-Encoding: chunked", b"Connection: close"),
    *(b"X-Forwarded-For: ::1", b"x_real.ip: b", b"Forwarded: for=a", b"X-Forwarded-Host: a"),
    *(b"X-Ash-File: a", b"x_ash.b: c", b"HTTP/1.1 200 OK", b"HTTP/1.1 100 Continue", b"\xff"),
]
STREAMS = st.one_of(
    st.binary(max_size=100), st.lists(st.sampled_from(FRAGMENTS), max_size=25).map(b"".join)
)
HEADS = st.lists(st.sampled_from(FRAGMENTS), max_size=8).map(
    lambda parts: b"GET / HTTP/1.1\r\nHost: a\r\n" + b"".join(parts) + b"\r\n\r\n"
)


def outcome(pieces: list[bytes]) -> list[Received] | int:
    try:
        return read_requests(pieces, LIMITS)
    except RequestError as error:
        return error.status


@given(st.one_of(STREAMS, HEADS), st.lists(st.integers(0, 1000), max_size=5))
@example(b"GET / HTTP/1.1\r\nHost: a\r\nA: b\r\n\r\n", [26])
@example(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", [1])
def test_requests(data: bytes, cuts: list[int]) -> None:
    whole = outcome([data])
    in_pieces = outcome(cut(data, cuts))
    assert isinstance(whole, int) == isinstance(in_pieces, int)
    if isinstance(whole, int):
        return  # the reason may differ: what came first decides
    assert in_pieces == whole
    for head, _, _ in whole:
        assert not any(is_ash(name) for name, _ in head.headers)
        fields = (head.method, head.url, head.version, head.rest, head.headers)
        assert decode_request(encode_request(*fields)) == fields


CHUNKS = [b"3\r\n", b"abc", b"\r\n", b"0\r\n", b"0\r\n\r\n", b"A: b\r\n", b"1;x\r\n"]
CHUNKS += [b"a", b"f", b"\n", b";", b'="', b'"', b"\xff"]
CHUNKED = b"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"


@given(
    st.one_of(st.binary(max_size=50), st.lists(st.sampled_from(CHUNKS), max_size=12).map(b"".join)),
    st.lists(st.integers(0, 1000), max_size=5),
)
def test_chunked_bodies(data: bytes, cuts: list[int]) -> None:
    whole = outcome([CHUNKED + data])
    in_pieces = outcome([CHUNKED, *cut(data, cuts)])
    assert isinstance(whole, int) == isinstance(in_pieces, int)
    assert isinstance(whole, int) or in_pieces == whole


@given(STREAMS, st.booleans(), st.booleans(), st.booleans(), st.lists(st.integers(0, 1000)))
def test_responses(
    data: bytes, head_only: bool, current: bool, reset: bool, cuts: list[int]
) -> None:
    framer = ResponseFramer(head_only=head_only, current=current, keep_alive=True)
    output = b""
    try:
        for piece in cut(data, cuts):
            if not framer.complete and piece:
                output += framer.feed(piece)
        if not framer.complete:
            output += framer.end(cut=reset)
    except ResponseError:
        return
    head = output.partition(b"\r\n\r\n")[0]
    assert b"\n" not in head.replace(b"\r\n", b"")
    assert not any(is_ash(line.partition(b":")[0]) for line in head.split(b"\r\n"))

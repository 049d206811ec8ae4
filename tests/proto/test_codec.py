"""Bytes in, bytes out: no socket is needed here."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ashd.proto import DecodeError, EncodeError, Error, Fields, decode_request, encode_request

SIMPLE = b"GET\0/a/b?c\0HTTP/1.1\0a/b\0Host\0x\0X-Ash-Port\x0080\0\0"

strings = st.binary(max_size=40).map(lambda data: data.replace(b"\0", b""))
names = strings.filter(bool)
headers = st.lists(st.tuples(names, strings), max_size=8)
requests = st.tuples(strings, strings, strings, strings, headers)


def test_a_request_as_it_looks_on_the_wire() -> None:
    fields = (
        b"GET",
        b"/a/b?c",
        b"HTTP/1.1",
        b"a/b",
        [(b"Host", b"x"), (b"X-Ash-Port", b"80")],
    )
    assert decode_request(SIMPLE) == fields
    assert encode_request(*fields) == SIMPLE


@given(requests)
@example((b"", b"", b"", b"", []))
@example((b"GET", b"/", b"HTTP/1.1", b"", [(b"A", b""), (b"A", b"")]))
def test_what_is_encoded_is_decoded_to_the_same(fields: Fields) -> None:
    assert decode_request(encode_request(*fields)) == fields


@given(st.binary(max_size=200))
@example(b"")
@example(b"\0" * 7)
def test_any_bytes_are_a_request_or_a_decode_error(data: bytes) -> None:
    with suppress(DecodeError):
        assert encode_request(*decode_request(data)) == data


@given(requests, st.data())
def test_a_damaged_request_is_another_one_or_a_decode_error(
    fields: Fields, data: st.DataObject
) -> None:
    whole = bytearray(encode_request(*fields))
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, min(len(whole), start + 3)))
    whole[start:end] = data.draw(st.binary(max_size=3) | st.sampled_from([b"\0", b"\0\0"]))
    with suppress(DecodeError):
        assert encode_request(*decode_request(bytes(whole))) == bytes(whole)


@given(requests)
def test_a_request_that_was_cut_is_never_taken_for_a_whole_one(fields: Fields) -> None:
    whole = encode_request(*fields)
    for end in range(len(whole)):
        with pytest.raises(DecodeError):
            decode_request(whole[:end])


@given(requests, st.binary(min_size=1, max_size=60))
def test_nothing_may_follow_the_end(fields: Fields, more: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_request(encode_request(*fields) + more)


@pytest.mark.parametrize(
    ("datagram", "word"),
    [
        (b"", "ends before"),
        (b"GET\0/\0HTTP/1.1\0\0", "ends before"),
        (SIMPLE[:-1], "terminated"),
        (SIMPLE + b"x", "does not end in a NUL"),
        (b"GET\0/\0HTTP/1.1\0\0Host\0\0", "terminated"),
        (b"GET\0/\0HTTP/1.1\0\0\0x\0X-Ash-Port\x0080\0\0", "without a name"),
        (SIMPLE + b"X\0y\0\0", "without a name"),
        (SIMPLE + b"\0", "without a name"),
    ],
)
def test_the_error_says_what_is_wrong(datagram: bytes, word: str) -> None:
    with pytest.raises(DecodeError, match=word) as caught:
        decode_request(datagram)
    assert caught.value.status == 400
    assert isinstance(caught.value, Error)


@pytest.mark.parametrize("position", range(6))
def test_a_nul_cannot_be_sent(position: int) -> None:
    method, url, version, rest, name, value = (
        b"bad\0one" if number == position else b"good" for number in range(6)
    )
    with pytest.raises(EncodeError, match="NUL"):
        encode_request(method, url, version, rest, [(name, value)])


def test_a_header_without_a_name_cannot_be_sent() -> None:
    with pytest.raises(EncodeError, match="without a name"):
        encode_request(b"GET", b"/", b"HTTP/1.1", b"", [(b"", b"x")])

"""What an application may say in a response's head, and what it is told if it may not."""

from __future__ import annotations

import re
import tracemalloc
from typing import Any

import pytest

from ashd.wsgi import ResponseError
from ashd.wsgi._head import header_bytes, status_bytes


@pytest.mark.parametrize(
    "status",
    ["200 OK", "200 ", "404 Not Found", "299 caf\xe9", "418 I'm a teapot", "599 x", "999 y"],
)
def test_good_statuses(status: str) -> None:
    assert status_bytes(status) == status.encode("latin-1")
    assert status_bytes(status) == status.encode("latin-1")  # now out of the cache


@pytest.mark.parametrize(
    "status",
    [
        "",
        "200",
        "20 OK",
        "2000 OK",
        "OK",
        " 200 OK",
        "100 Continue",
        "101 Switching Protocols",
        "000 x",
        "\u0662\u0660\u0660 OK",
        "200 O\nK",
        "200 OK\r\n",
        "200 OK\n",
        "200 \x7f",
        "200 \u20ac",
        "200\tOK",
        "200-OK",
        b"200 OK",
        200,
        None,
        ["200 OK"],
    ],
)
def test_bad_statuses(status: object) -> None:
    for _ in range(2):
        with pytest.raises(ResponseError, match="status must be a str like '200 OK'"):
            status_bytes(status)


def test_headers_become_lines() -> None:
    headers = [("Content-Type", "text/plain"), ("X", ""), ("x", "a\xe9"), ("X-!#$%&'*+.^_`|~", "1")]
    data, length = header_bytes(headers)
    assert data == b"Content-Type: text/plain\r\nX: \r\nx: a\xe9\r\nX-!#$%&'*+.^_`|~: 1\r\n"
    assert length is None


def test_content_length_is_taken_out() -> None:
    data, length = header_bytes([("A", "1"), ("content-LENGTH", "12"), ("Content-Length", "12")])
    assert (data, length) == (b"A: 1\r\n", 12)
    assert header_bytes([("Content-Length", "0")]) == (b"", 0)


@pytest.mark.parametrize(
    "value", ["", "-1", " 1", "1 ", "x", "\u0661", "1_0", -5, b"5", True, "9" * 5000]
)
def test_bad_content_lengths(value: Any) -> None:
    with pytest.raises(ResponseError, match="Content-Length must be a number as a str"):
        header_bytes([("Content-Length", value)])


def test_differing_content_lengths() -> None:
    with pytest.raises(ResponseError, match="two different Content-Length headers: 1 and 2"):
        header_bytes([("Content-Length", "1"), ("Content-Length", "2")])


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\n", "a\r\nb: c", "caf\xe9", "\u20ac", "a\0"])
def test_bad_names(name: str) -> None:
    for _ in range(2):
        with pytest.raises(ResponseError, match="can't be the name of a header"):
            header_bytes([("Good", "1"), (name, "2")])


@pytest.mark.parametrize(
    "name",
    [
        "Connection",
        "keep-alive",
        "Proxy-Authenticate",
        "Proxy-Authorization",
        "TE",
        "Trailer",
        "Trailers",
        "Transfer-Encoding",
        "UPGRADE",
    ],
)
def test_hop_by_hop_headers_are_the_servers_business(name: str) -> None:
    with pytest.raises(ResponseError, match=f"the header {name} is about the connection"):
        header_bytes([(name, "x")])


@pytest.mark.parametrize("char", [*map(chr, set(range(32)) - {9}), "\x7f"])
def test_control_characters(char: str) -> None:
    with pytest.raises(ResponseError, match="control character: Bad") as caught:
        header_bytes([("Fine", "caf\xe9"), ("Bad", f"x{char}"), ("Fine-Too", "1")])
    assert repr(f"x{char}") in str(caught.value)


def test_a_tab_in_a_value_may_pass() -> None:
    assert header_bytes([("A", "x\ty")]) == (b"A: x\ty\r\n", None)
    with pytest.raises(ResponseError, match="can't be the name"):
        header_bytes([("A\t", "x")])


def test_ints_are_taken_for_their_text_with_one_warning_a_name(
    caplog: pytest.LogCaptureFixture,
) -> None:
    for number in range(3):
        headers: Any = [("X-Int", number), ("Plain", "1"), ("x-INT", 7), ("Content-Length", number)]
        expected = b"X-Int: %d\r\nPlain: 1\r\nx-INT: 7\r\n" % number
        assert header_bytes(headers) == (expected, number)
    assert caplog.text.count("gives the header X-Int as an int") == 1
    assert len(caplog.records) <= 2


def test_a_line_cannot_be_smuggled_in_by_leaving_others_out() -> None:
    with pytest.raises(ResponseError, match="control character: A"):
        header_bytes([("A", "\r\nSet-Cookie: x")])


def test_beyond_latin_1() -> None:
    with pytest.raises(ResponseError, match="beyond latin-1: Bad: '\u20ac'"):
        header_bytes([("Fine", "caf\xe9"), ("Bad", "\u20ac")])


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        (None, "headers must be a list of pairs of str, not None"),
        (5, "headers must be a list of pairs of str, not 5"),
        ([("A", 5.0)], "a header's name and value must be str: ('A', 5.0)"),
        ([("A", True)], "a header's name and value must be str: ('A', True)"),
        ([("A", 5), ("B", None)], "a header's name and value must be str: ('B', None)"),
        (iter([("A", 5)]), "headers must be a list of pairs of str, not <list_iterator"),
        ([("A", b"b")], "a header's name and value must be str: ('A', b'b')"),
        ([("A", None)], "a header's name and value must be str: ('A', None)"),
        ([("A", "1"), ("B",)], "a header must be a pair of name and value, not ('B',)"),
        ([("A", "b", "c")], "a header must be a pair of name and value, not ('A', 'b', 'c')"),
        ([5], "a header must be a pair of name and value, not 5"),
        ([(b"A", "b")], "b'A' can't be the name of a header"),
        ([([], "b")], "a header's name and value must be str: ([], 'b')"),
        ([(None, "b")], "None can't be the name of a header"),
    ],
)
def test_headers_of_wrong_types(headers: Any, told: str) -> None:
    with pytest.raises(ResponseError, match=re.escape(told)):
        header_bytes(headers)


def test_invented_names_and_statuses_do_not_use_up_memory() -> None:
    tracemalloc.start()
    try:
        for number in range(2000):
            header_bytes([(f"X-{number}-" + "a" * 10_000, "1")])
            status_bytes(f"200 {number}" + "a" * 10_000)
        used, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert used < 4 << 20

"""What a client gets of what a handler writes."""

from __future__ import annotations

import re

import pytest

from ashd.htparser._errors import ResponseError
from ashd.htparser._limits import MAX_INTERIM, MAX_RESPONSE_HEAD
from ashd.htparser._response import ResponseFramer


def frame(
    data: bytes,
    *,
    head_only: bool = False,
    current: bool = True,
    keep_alive: bool = True,
    cut: bool = False,
    step: int = 0,
    first: int = 0,
) -> tuple[bytes, ResponseFramer]:
    """Feed a whole response, in pieces of `step` bytes; return what the client gets.

    If `first` says so, that many bytes come at once before.
    """
    framer = ResponseFramer(head_only=head_only, current=current, keep_alive=keep_alive)
    output = framer.feed(data[:first]) if first else b""
    for start in range(first, len(data), step or len(data) or 1):
        if framer.complete or framer.fault:
            break
        output += framer.feed(data[start : start + step] if step else data)
    if not framer.complete and not framer.fault:
        output += framer.end(cut=cut)
    return without_defaults(output), framer


def without_defaults(output: bytes) -> bytes:
    """Remove the Date and Server lines, which must be there."""
    output, dates = re.subn(
        rb"Date: \w{3}, \d{1,2} \w{3} \d{4} \d\d:\d\d:\d\d GMT\r\n", b"", output
    )
    output, servers = re.subn(rb"Server: ashd-htparser[^\r]*\r\n", b"", output)
    assert dates == servers == 1
    return output


LENGTH = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize("step", [0, 1, 7])
@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: 3\n\n",
        b"HTTP/1.0 200 OK\r\ncontent-length:3\n\r\n",
        b"HTTP/1.1 200 OK\nContent-Length: \t3 \r\n\n",
    ],
)
def test_line_ends_and_version_are_normalised(head: bytes, step: int) -> None:
    output, framer = frame(head + b"abc", step=step)
    assert output == LENGTH + b"abc"
    assert framer.complete
    assert framer.keep_alive


def test_bytes_behind_the_length_are_dropped() -> None:
    output, framer = frame(LENGTH + b"abcdef")
    assert output == LENGTH + b"abc"
    assert framer.complete


def test_a_body_shorter_than_its_length_ends_the_connection() -> None:
    output, framer = frame(LENGTH + b"ab")
    assert output == LENGTH + b"ab"
    assert not framer.keep_alive


def test_without_a_length_the_body_is_chunked() -> None:
    output, framer = frame(b"HTTP/1.1 200 OK\n\nabcdefghijklmnopq", step=24)
    assert output == CHUNKED + b"7\r\nabcdefg\r\na\r\nhijklmnopq\r\n0\r\n\r\n"
    assert framer.keep_alive


def test_a_cut_chunked_body_has_no_end() -> None:
    output, framer = frame(b"HTTP/1.1 200 OK\n\nabc", cut=True)
    assert output == CHUNKED + b"3\r\nabc\r\n"
    assert not framer.keep_alive


def test_http_10_gets_a_body_up_to_the_end_of_the_connection() -> None:
    output, framer = frame(b"HTTP/1.1 200 OK\n\nabc", current=False)
    assert output == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"
    assert not framer.keep_alive
    assert not framer.must_reset


def test_a_cut_body_of_unknown_length_resets_the_connection() -> None:
    _, framer = frame(b"HTTP/1.1 200 OK\n\nabc", current=False, cut=True)
    assert framer.must_reset


def test_http_10_is_kept_alive_when_there_is_a_length() -> None:
    output, framer = frame(LENGTH + b"abc", current=False)
    assert b"\r\nConnection: keep-alive\r\n" in output
    assert framer.keep_alive


def test_the_clients_wish_to_close_is_confirmed() -> None:
    output, _ = frame(LENGTH + b"abc", keep_alive=False)
    assert b"\r\nConnection: close\r\n" in output


@pytest.mark.parametrize("value", [b"close", b"Close", b"foo, close"])
def test_the_handlers_wish_to_close_is_honoured(value: bytes) -> None:
    output, framer = frame(b"HTTP/1.1 200 OK\nConnection: " + value + b"\nContent-Length: 0\n\n")
    assert output.count(b"Connection: close\r\n") == 1
    assert not framer.keep_alive


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
@pytest.mark.parametrize("fields", [b"", b"Content-Length: 0\n", b"Transfer-Encoding: chunked\n"])
def test_statuses_without_a_body(status: bytes, fields: bytes) -> None:
    output, framer = frame(b"HTTP/1.1 " + status + b"\n" + fields + b"\nabc")
    assert output == b"HTTP/1.1 " + status + b"\r\n\r\n"
    assert framer.complete
    assert framer.keep_alive


def test_head_responses_have_no_body() -> None:
    assert frame(LENGTH + b"abc", head_only=True)[0] == LENGTH
    assert frame(b"HTTP/1.1 200 OK\n\nabc", head_only=True)[0] == b"HTTP/1.1 200 OK\r\n\r\n"


def test_a_handlers_own_transfer_coding_is_passed_on_as_it_is() -> None:
    body = b"3\r\nabc\r\n0\r\n\r\n"
    output, framer = frame(
        b"HTTP/1.1 200 OK\nContent-Length: 9\nTransfer-Encoding: gzip, chunked\n\n" + body
    )
    assert output == (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\nConnection: close\r\n\r\n" + body
    )
    assert not framer.keep_alive
    with pytest.raises(ResponseError, match=r"HTTP/1\.0"):
        frame(b"HTTP/1.1 200 OK\nTransfer-Encoding: gzip, chunked\n\n" + body, current=False)


@pytest.mark.parametrize(
    "coding", [b"CHUNKED", b"chunked,", b", chunked", b"chunked\nTransfer-Encoding:"]
)
def test_the_name_of_the_handlers_chunks_is_written_anew(coding: bytes) -> None:
    body = b"3\r\nabc\r\n0\r\n\r\n"
    output, framer = frame(b"HTTP/1.1 200 OK\nTransfer-Encoding: " + coding + b"\n\n" + body)
    assert output == CHUNKED + body
    assert framer.complete


@pytest.mark.parametrize("current", [True, False])
@pytest.mark.parametrize("coding", [b"", b",", b"chunked, gzip", b"chunked, chunked"])
def test_a_coding_that_leaves_the_end_in_doubt_is_refused(coding: bytes, current: bool) -> None:
    with pytest.raises(ResponseError, match="Transfer-Encoding"):
        frame(b"HTTP/1.1 200 OK\nTransfer-Encoding: " + coding + b"\n\nabc", current=current)


def test_repeated_fields_are_one_list() -> None:
    output, framer = frame(
        b"HTTP/1.1 200 OK\nTransfer-Encoding: gzip\nTransfer-Encoding: chunked\n\n"
    )
    assert output.startswith(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip,chunked\r\n")
    _, framer = frame(b"HTTP/1.1 200 OK\nConnection: a\nConnection: close\n\n")
    assert not framer.keep_alive


OWN_CHUNKS = CHUNKED + b"3\r\nabc\r\nA;x=y\r\ndefghijklm\r\n0\r\n\r\n"


@pytest.mark.parametrize("step", [0, 1, 7])
def test_a_handlers_own_chunks_are_followed_to_their_end(step: int) -> None:
    """They pass unchanged, and the connection stays open; behind their end there is nothing."""
    for extra in (b"", b"HTTP/1.1 200 OK\r\n\r\n"):
        output, framer = frame(OWN_CHUNKS + extra, step=step)
        assert output == OWN_CHUNKS
        assert framer.complete
        assert framer.keep_alive


@pytest.mark.parametrize("step", [0, 1, 7])
def test_http_10_gets_what_is_in_a_handlers_chunks(step: int) -> None:
    output, framer = frame(OWN_CHUNKS, current=False, step=step)
    assert output == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabcdefghijklm"
    assert framer.complete
    assert not framer.must_reset


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize("cut", [False, True])
def test_chunks_without_the_last_one_are_a_cut_response(step: int, cut: bool) -> None:
    for size in range(len(CHUNKED), len(OWN_CHUNKS)):
        output, framer = frame(OWN_CHUNKS[:size], cut=cut, step=step)
        assert output == OWN_CHUNKS[:size]
        assert not framer.complete
        assert not framer.keep_alive
        assert not framer.must_reset
        _, framer = frame(OWN_CHUNKS[:size], cut=cut, step=step, current=False)
        assert framer.must_reset


@pytest.mark.parametrize("step", [0, 1])
@pytest.mark.parametrize(
    "body",
    [
        b"x\r\nabc\r\n0\r\n\r\n",
        b"-3\r\nabc\r\n0\r\n\r\n",
        b"3\nabc\n0\n\n",
        b"3\r\nabcd\r\n0\r\n\r\n",
        b"hello",
        b"0\r\nno trailer\r\n\r\n",
        b"0\r\nA: b\r\nTransfer-encoding: chunked\r\n\r\n",
        b"0\r\nContent-Length: 4\r\n\r\n",
        b"0" * 4096,
        b"3" + b"\r" * 4096,
        b"0\r\n" + b"a: b\r\n" * 2048 + b"\r\n",
    ],
)
def test_malformed_chunks_cut_the_response(body: bytes, step: int) -> None:
    for current in (True, False):
        output, framer = frame(CHUNKED + body + b"\r\n", step=step, current=current)
        assert not output.endswith(b"0\r\n\r\n")
        assert framer.fault
        assert not framer.complete
        assert not framer.keep_alive
        assert framer.must_reset == (not current)


def test_a_handlers_own_chunks_need_no_body() -> None:
    for method, status in ((True, b"200 OK"), (False, b"204 No Content")):
        head = b"HTTP/1.1 " + status + b"\nTransfer-Encoding: chunked\n\n"
        output, framer = frame(head, head_only=method)
        assert output == b"HTTP/1.1 " + status + b"\r\n\r\n"
        assert framer.keep_alive


def test_headers_between_front_end_and_handlers_stay_there() -> None:
    output, _ = frame(
        b"HTTP/1.1 200 OK\nX-Ash-File: a\nx_ash-foo: b\nX-Other: c\nKeep-Alive: d\n"
        b"Content-Length: 0\n\n"
    )
    assert output == b"HTTP/1.1 200 OK\r\nX-Other: c\r\nContent-Length: 0\r\n\r\n"


def test_a_handlers_date_and_server_are_left_alone() -> None:
    framer = ResponseFramer(head_only=False, current=True, keep_alive=True)
    output = framer.feed(b"HTTP/1.1 200 OK\ndate: a\nSERVER: b\nContent-Length: 0\n\n")
    assert output == b"HTTP/1.1 200 OK\r\ndate: a\r\nSERVER: b\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize("step", [0, 1])
def test_interim_responses(step: int) -> None:
    interim = (
        b"HTTP/1.1 100 Continue\n\nHTTP/1.1 103 Early Hints\nLink: a\nX-Ash-B: c\n"
        b"Content-Length: 9\ntransfer-encoding: chunked\n\n"
    )
    output, _ = frame(interim + LENGTH + b"abc", step=step)
    assert output == b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + LENGTH + b"abc"
    output, _ = frame(interim + LENGTH + b"abc", step=step, current=False)
    assert output.startswith(b"HTTP/1.1 200 OK\r\n")


def test_any_status_of_three_digits_passes() -> None:
    for status in (b"200", b"599", b"600", b"999"):
        output, _ = frame(b"HTTP/1.1 " + status + b" A\nContent-Length: 0\n\n")
        assert output.startswith(b"HTTP/1.1 " + status + b" A\r\n")


def head_of(size: int) -> bytes:
    start = b"HTTP/1.1 200 OK\nContent-Length: 0\nA: "
    return start + b"b" * (size - len(start) - 2) + b"\n\n"


@pytest.mark.parametrize(
    ("step", "first"),
    [(0, 0), (1, MAX_RESPONSE_HEAD - 1000), (1 << 16, 0)],
    ids=["at once", "byte by byte at its end", "in pieces"],
)
def test_the_bound_on_a_head_is_the_same_however_it_comes(step: int, first: int) -> None:
    for interim in (b"", b"HTTP/1.1 103 Early Hints\n\n"):
        _, framer = frame(interim + head_of(MAX_RESPONSE_HEAD), step=step, first=first)
        assert framer.complete
        for tail in (b"", b"abc"):
            with pytest.raises(ResponseError, match=f"larger than {MAX_RESPONSE_HEAD} bytes"):
                frame(interim + head_of(MAX_RESPONSE_HEAD + 1) + tail, step=step, first=first)


def test_a_reason_is_optional() -> None:
    for line in (b"HTTP/1.1 200", b"HTTP/1.1 200 "):
        output, _ = frame(line + b"\nContent-Length: 0\n\n")
        assert output.startswith(b"HTTP/1.1 200 \r\n")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\n",
        b"HTTP/1.1 200 OK\nContent-Length: 3\n",
        b"HTTP/1.1 100 Continue\n\n",
    ],
)
@pytest.mark.parametrize("cut", [False, True])
def test_an_end_before_the_end_of_the_head(data: bytes, cut: bool) -> None:
    with pytest.raises(ResponseError):
        frame(data, cut=cut)


@pytest.mark.parametrize(
    "head",
    [
        b"hello\n\n",
        b"\n\n",
        b"Status: 200 OK\n\n",
        b"HTTP/1.1 OK\n\n",
        b"HTTP/1.1 2000 OK\n\n",
        b"HTTP/1.1 099 OK\n\n",
        b"HTTP/1.1 101 Switching Protocols\n\n",
        b"HTTP/1.1 101 Switching Protocols\nX-Ash-Switch: duplex\nUpgrade: a\n\n",
        b"HTTP/1.1 200 O\x00K\n\n",
        b"HTTP/1.1 200 OK\nA\n\n",
        b"HTTP/1.1 200 OK\nA : b\n\n",
        b"HTTP/1.1 200 OK\n: b\n\n",
        b"HTTP/1.1 200 OK\nA: b\n c\n\n",
        b"HTTP/1.1 200 OK\nA: b\rC: d\n\n",
        b"HTTP/1.1 200 OK\nA: b\x00\n\n",
        b"HTTP/1.1 200 OK\nContent-Length: a\n\n",
        b"HTTP/1.1 200 OK\nContent-Length: -1\n\n",
        b"HTTP/1.1 200 OK\nContent-Length: 1\nContent-Length: 2\n\n",
        b"HTTP/1.1 200 OK\nA: " + b"b" * MAX_RESPONSE_HEAD,
    ],
)
@pytest.mark.parametrize("step", [0, 97])
def test_heads_that_are_no_http(head: bytes, step: int) -> None:
    with pytest.raises(ResponseError):
        frame(head, step=step)


def test_one_length_given_twice() -> None:
    output, _ = frame(b"HTTP/1.1 200 OK\nContent-Length: 3\nContent-Length: 3\n\nabc")
    assert output == LENGTH + b"abc"


# Other protocols

SWITCH = (
    b"HTTP/1.1 101 Switching Protocols\nConnection: keep-alive, Upgrade\nUpgrade: a\nB: c\n"
    b"Content-Length: 3\nTransfer-Encoding: chunked\nX-Ash-Switch: Duplex\n\n"
)
SWITCHED = b"HTTP/1.1 101 Switching Protocols\r\nB: c\r\nUpgrade: a\r\nConnection: Upgrade\r\n\r\n"


@pytest.mark.parametrize("step", [1, 7, 1000])
@pytest.mark.parametrize("head_only", [False, True])
def test_a_switch_is_the_end_of_the_response(step: int, head_only: bool) -> None:
    framer = ResponseFramer(head_only=head_only, current=True, keep_alive=True)
    framer.obstacle = ""
    output = b""
    data = b"HTTP/1.1 103 Early Hints\nLink: a\n\n" + SWITCH + b"of nobody"
    for start in range(0, len(data), step):
        if not framer.complete:
            output += framer.feed(data[start : start + step])
    assert output == b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n" + SWITCHED
    assert framer.switched


@pytest.mark.parametrize("obstacle", ["", "of some kind"])
@pytest.mark.parametrize(
    "head", [SWITCH, SWITCH.replace(b"Duplex", b"simplex"), SWITCH.replace(b"X-Ash", b"X-Ach")]
)
def test_a_switch_needs_the_word_and_a_way(head: bytes, obstacle: str) -> None:
    framer = ResponseFramer(head_only=False, current=True, keep_alive=True)
    framer.obstacle = obstacle
    if head == SWITCH and not obstacle:
        assert framer.feed(head) == SWITCHED
        return
    with pytest.raises(ResponseError, match="101" if head != SWITCH else obstacle):
        framer.feed(head)
    assert not framer.started


def test_the_word_alone_switches_nothing() -> None:
    output, framer = frame(LENGTH[:-2] + b"X-Ash-Switch: duplex\r\n\r\nabc")
    assert output == LENGTH + b"abc"
    assert not framer.switched


def test_an_upgrade_is_offered_by_426_alone() -> None:
    """And there it has to be (RFC 9110, 15.5.22)."""
    for status in (b"426 A", b"200 B"):
        head = b"HTTP/1.1 " + status + b"\nUpgrade: a\nConnection: upgrade\nContent-Length: 0\n\n"
        for current in (True, False):
            output, _ = frame(head, current=current)
            offered = output.count(b"Upgrade: a\r\nConnection: Upgrade\r\n")
            assert offered == (status == b"426 A" and current)
            assert offered == output.lower().count(b"connection: upgrade")


@pytest.mark.parametrize("head_only", [False, True])
def test_a_bodiless_response_after_hints(head_only: bool) -> None:
    hints = b"HTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
    status = b"200 OK" if head_only else b"304 Not Modified"
    output, framer = frame(hints + b"HTTP/1.1 " + status + b"\r\n\r\n", head_only=head_only)
    assert output == hints + b"HTTP/1.1 " + status + b"\r\n\r\n"
    assert framer.complete
    assert framer.keep_alive


@pytest.mark.parametrize("current", [False, True])
@pytest.mark.parametrize("status", [b"100", b"102", b"103"])
def test_interim_responses_have_a_bound(status: bytes, current: bool) -> None:
    small = b"HTTP/1.1 " + status + b" A\n\n"
    large = small[:-1] + b"B: " + b"c" * (MAX_INTERIM // 4) + b"\n\n"
    for head, few in ((small, 32), (large, 3)):
        output, _ = frame(head * few + LENGTH + b"abc", current=current)
        assert output.count(b"HTTP/1.1 " + status) == (few if status != b"100" and current else 0)
        framer = ResponseFramer(head_only=False, current=current, keep_alive=True)
        with pytest.raises(ResponseError, match="interim"):
            framer.feed(head * 2 * few)

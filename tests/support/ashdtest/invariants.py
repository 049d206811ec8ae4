"""What holds whatever bytes come in: for the fuzzer, and for each input that it has found.

Each function takes one input and raises AssertionError, or whatever it is that our code raises and
must not. Where a stream is cut depends on its bytes, so that an input shows the same each time.
"""

from __future__ import annotations

import random
import re
import zlib
from collections.abc import Callable, Sequence

from ashd.htparser._errors import RequestError, ResponseError
from ashd.htparser._forwarded import FORWARDING, LOCAL, canonical, word_of
from ashd.htparser._limits import Limits
from ashd.htparser._proxy_header import START, ProxyHeaderError, measure, read_header
from ashd.htparser._response import ResponseFramer
from ashd.htparser._syntax import is_ash, is_host
from ashd.proto import ProtocolError, decode_request, encode_request

from . import h11reader
from .requests import Outcome, Received, cut, read_stream

LIMITS = Limits(head_size=1000, target_size=200, body_size=2000)
"""Small, so that inputs reach them."""
SHORT = 150
"""Bytes up to which an input also comes byte by byte; longer ones would take too long."""
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
_ABSOLUTE = re.compile(rb"(?i)https?://[^/?#]*")
_ADDED = (b"date", b"server")


def check_requests(data: bytes) -> None:
    """A client's stream means the same however it is cut, and the same as for h11."""
    whole = read_stream([data], LIMITS)
    for pieces in _cuts(data):
        in_pieces = read_stream(pieces, LIMITS)
        assert (whole.refusal is None) == (in_pieces.refusal is None), (whole, in_pieces)
        assert _comparable(whole) == _comparable(in_pieces)
    if whole.refusal is not None:
        assert 400 <= whole.refusal.status < 600
    for received in whole.requests:
        _check_passed(received)
    if whole.refusal is None:
        _compare_requests(whole.requests, h11reader.requests(data), data)


def check_response(data: bytes) -> None:
    """A client reads what the handler has written, whole or visibly cut, and nothing after it.

    The first byte says what was asked: HEAD, HTTP/1.0, a connection that closes; and whether an
    error comes at the end, and the handler may switch protocols.
    """
    asked, stream = data[:1].ljust(1, b"\0")[0], data[1:]
    whole = _frame([stream], asked)
    for pieces in _cuts(stream):
        assert _same(whole, _frame(pieces, asked)), (whole, _frame(pieces, asked))
    if whole is not None:
        _check_response(whole, asked, stream)


def check_datagram(data: bytes) -> None:
    """A datagram is a request, which is encoded to what means the same, or a ProtocolError."""
    try:
        fields = decode_request(data)
    except ProtocolError:
        return
    assert decode_request(encode_request(*fields)) == fields


def check_proxy(data: bytes) -> None:
    """What a proxy says of its client is understood, or refused by an error of ours.

    The input is the beginning of a connection, and lines of header values.
    """
    _check_proxy_header(data)
    values = data.replace(b"\0", b"").split(b"\n")  # no header has a NUL byte in it
    try:
        word = word_of(dict(zip(sorted(FORWARDING), values, strict=False)), LOCAL)
    except RequestError:
        return
    told = _headers((word.client or b"") + word.server_port + word.protocol)
    assert told.pop(b"X-Ash-Protocol", b"http") in (b"http", b"https")
    assert not word.host or is_host(word.host)
    if address := told.pop(b"X-Ash-Address", b""):
        assert canonical(address) == address
    assert set(told) <= {b"X-Ash-Port", b"X-Ash-Server-Port"}
    assert all(int(port) < 1 << 16 for port in told.values())


def _headers(encoded: bytes) -> dict[bytes, bytes]:
    strings = encoded.split(b"\0")[:-1]
    return dict(zip(strings[::2], strings[1::2], strict=True))


TARGETS: dict[str, Callable[[bytes], None]] = {
    "requests": check_requests,
    "responses": check_response,
    "datagrams": check_datagram,
    "proxies": check_proxy,
}


def _cuts(data: bytes) -> list[Sequence[bytes]]:
    chance = random.Random(zlib.crc32(data))
    places = [chance.randrange(len(data) + 1) for _ in range(chance.randrange(1, 6))]
    in_bytes = [[data[i : i + 1] for i in range(len(data))]] if len(data) < SHORT else []
    return [cut(data, places), *in_bytes]


def _check_proxy_header(data: bytes) -> None:
    """Its size is certain at some byte, and stays what it is; so does a refusal."""
    sizes = [_measure(data[:end]) for end in range(1, min(len(data), START) + 1)]
    certain = [size for size in sizes if size != 0]
    assert len(set(certain)) <= 1
    assert sizes[len(sizes) - len(certain) :] == certain
    if certain and certain[0] is not None and certain[0] <= len(data):
        try:
            read_header(data[: certain[0]])
        except ProxyHeaderError:
            return


def _measure(data: bytes) -> int | None:
    try:
        return measure(data)
    except ProxyHeaderError:
        return None


# Requests


def _comparable(outcome: Outcome) -> str:
    """Return all that an outcome says, as text: header fields are equal to none but themselves."""
    requests, refusal = outcome
    if refusal is None or not requests or requests[-1].whole:
        return repr(requests)
    # The end of a body that is refused later comes or doesn't: that depends on the pieces.
    return repr([*requests[:-1], requests[-1].head])


def _check_passed(received: Received) -> None:
    head = received.head
    assert not any(is_ash(name) for name, _ in head.headers)
    fields = (head.method, head.url, head.version, head.rest, head.headers)
    assert decode_request(head.encode()) == fields
    text = b"".join([head.method, head.url, *(part for pair in head.headers for part in pair)])
    assert not re.search(rb"[\r\n\0]", text)


def _compare_requests(ours: list[Received], theirs: h11reader.Reading, data: bytes) -> None:
    if theirs.refusal:
        assert _is_stricter(theirs, len(ours), data), theirs.refusal
        return
    assert len(ours) >= len(theirs.messages)
    if not theirs.left:
        assert len(ours) == len(theirs.messages)
    for (head, body, whole), message in zip(ours, theirs.messages, strict=False):
        method, target = message.start
        assert head.method == method
        assert head.url in _urls(target)
        assert (body, whole) == (message.body, message.whole)


def _is_stricter(theirs: h11reader.Reading, ours: int, data: bytes) -> bool:
    """Tell whether h11 refuses what the RFC allows: http-differences.md has the reasons."""
    if not theirs.messages or theirs.messages[-1].whole:  # a head, which may not be whole for us
        empty_line_first = theirs.refusal == "no request line received"
        return empty_line_first or ours == len(theirs.messages)
    if theirs.refusal.startswith("illegal chunk header"):
        return re.search(rb"[ \t];", data) is not None
    return True  # a trailer


def _urls(target: bytes) -> tuple[bytes, ...]:
    """Return what may become of a target."""
    if target[:1] in (b"/", b"*"):
        return (target,)
    path = _ABSOLUTE.sub(b"", target, count=1)
    return (path,) if path.startswith(b"/") else (b"/" + path, b"*")


# Responses


class Framed:
    """What a client got, and what the front end knows of it."""

    def __init__(self, asked: int) -> None:
        self.framer = ResponseFramer(
            head_only=bool(asked & 1), current=not asked & 2, keep_alive=not asked & 4
        )
        if asked & 16:
            self.framer.obstacle = ""
        self.output = b""

    @property
    def state(self) -> tuple[object, ...]:
        framer = self.framer
        ends = (framer.keep_alive, framer.must_reset, framer.switched)
        return framer.complete, bool(framer.fault), *ends

    def __repr__(self) -> str:
        return f"{self.output!r} {self.state}"


def _frame(pieces: Sequence[bytes], asked: int) -> Framed | None:
    framed = Framed(asked)
    framer = framed.framer
    try:
        for piece in pieces:
            if piece and not framer.complete and not framer.fault:
                framed.output += framer.feed(piece)
        if not framer.complete and not framer.fault:
            framed.output += framer.end(cut=bool(asked & 8))
    except ResponseError:
        return None
    return framed


def _same(one: Framed | None, other: Framed | None) -> bool:
    if one is None or other is None:
        return one is other
    if one.state != other.state:
        return False
    first, second = _read(one), _read(other)
    if one.framer.fault:  # how much comes before the fault depends on the pieces
        first, second = (
            [message._replace(body=b"") for message in side] for side in (first, second)
        )
    return first == second


def _read(framed: Framed) -> list[h11reader.Message]:
    reading = h11reader.response(framed.output, head_only=framed.framer.head_only)
    return [
        message._replace(fields=[field for field in message.fields if field[0] not in _ADDED])
        for message in reading.messages
    ]


_HEADS = re.compile(rb"(?s)(?:HTTP/1\.1 1(?!01).*?\r\n\r\n)*+.*?\r\n(?=\r\n)")
"""The head of a response, with those of the interim ones before it."""


def _check_response(framed: Framed, asked: int, stream: bytes) -> None:
    framer, output = framed.framer, framed.output
    heads = _HEADS.match(output)
    head = heads[0] if heads else output
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)|\0", head)
    assert not any(is_ash(line.partition(b":")[0]) for line in head.split(b"\r\n"))
    if framer.switched:  # the rest is no HTTP
        assert output.endswith(b"\r\n\r\n")
        assert not framer.keep_alive
        return
    reading = h11reader.response(output, head_only=framer.head_only)
    if re.search(rb"(?im)^transfer-encoding:(?! *chunked\r?$)", head):
        assert not framer.keep_alive  # a coding that h11 doesn't know, up to the end
        return
    if framer.complete:
        assert not reading.refusal, output
        assert reading.messages[-1].whole
        assert reading.left == b""
        expected = b"" if framer.head_only else _written_body(stream)
        assert expected in (None, reading.messages[-1].body), (expected, output)
    elif not reading.refusal and reading.messages[-1].whole:
        # The end of the connection is the end of the body, so that has to be the truth.
        assert not framer.keep_alive
        assert not (asked & 8 or framer.fault) or framer.must_reset


def _written_body(stream: bytes) -> bytes | None:
    """Return the body of a whole response, read in another way; None where h11 is stricter."""
    position = 0
    for match in re.finditer(rb"\n\r?\n", stream):
        if match.start() < position:
            continue
        head, position = stream[position : match.start()], match.end()
        status = head.split(b" ")[1][:3]
        if not status.startswith(b"1"):
            return b"" if status in (b"204", b"304") else _payload(head, stream[position:])
    return None


def _payload(head: bytes, rest: bytes) -> bytes | None:
    pairs = [line.lower().partition(b":") for line in head.split(b"\n")[1:]]
    fields = {name: value.strip(b" \t\r") for name, _, value in pairs}
    if b"transfer-encoding" in fields:
        reading = h11reader.response(CHUNKED + rest, head_only=False)
        return None if reading.refusal else reading.messages[-1].body
    return rest[: int(fields[b"content-length"])] if b"content-length" in fields else rest

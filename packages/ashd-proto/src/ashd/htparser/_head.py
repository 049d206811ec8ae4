"""Request heads: what may pass, and what it means.

Functions on bytes. One rule: no request is passed on when its end is in doubt, so whatever two
programs could read in two ways is refused (RFC 9112, section 11.2). What is malformed is looked at
again only to tell the client why.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from ._errors import RequestError
from ._fields import Field, known_values
from ._forwarded import FORWARDING
from ._kept import Kept
from ._limits import MAX_FIELDS, Limits
from ._request_lines import MalformedLine, bad_host, make_field, read_field
from ._syntax import LENGTH, LENIENT_TARGET, TARGET, TOKEN, list_members

Headers = list[tuple[bytes, bytes]]

_VERSION_END = rb" (HTTP/1\.[01])\r\n"
_METHOD = rb"(" + TOKEN + rb") "
_REQUEST_LINE = re.compile(_METHOD + rb"(" + TARGET + rb")" + _VERSION_END)
_LENIENT_LINE = re.compile(_METHOD + rb"(" + LENIENT_TARGET + rb")" + _VERSION_END)
_OTHER_VERSION = re.compile(TOKEN + rb" " + LENIENT_TARGET + rb" HTTP/[0-9]\.[0-9]\r\n")
_LENGTH = re.compile(LENGTH)
_ABSOLUTE = re.compile(rb"(?i)https?://([^/?#]*)(.*)", re.DOTALL)

# Why a head is refused, in the order in which the reasons are tried.
_FAULTS = (
    (re.compile(rb"\x00"), "The request head has a NUL byte in it."),
    (re.compile(rb"\r(?!\n)"), "The request head has a carriage return that ends no line."),
    (re.compile(rb"(?<!\r)\n"), "Every line of the request head must end with CR and LF."),
    (re.compile(rb"\n[ \t]"), "A header line must not be continued on the next line."),
    (re.compile(rb"\n:"), "The request has a header without a name."),
    (re.compile(rb"\n[^:\r\n]*[ \t]:"), "There must be no space in front of a header's colon."),
    (re.compile(rb"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]"), "The request head has control characters."),
)
_LINE_END = b"\r\n"
_HEAD_END = b"\r\n\r\n"
_field_of = Kept(read_field).__getitem__
_BESIDE_TARGET = 256  # bytes that a request line may have beside its target
_LINE_START = re.compile(rb"\r?\Z|" + TOKEN + rb"(?:\Z| )")


@dataclass(slots=True)
class RequestHead:
    """A request as the handler sees it, and what the front end needs to know of it."""

    method: bytes
    url: bytes
    version: bytes
    rest: bytes
    fields: list[Field]
    length: int | None
    """Bytes of the body; None when it is chunked."""
    keep_alive: bool
    expects_continue: bool
    upgrades: bool
    """Whether the client would like to go on with another protocol (RFC 9110, 7.8)."""
    forwarding: dict[bytes, bytes] | None
    """The values that mean something to the front end, if a proxy's are among them."""
    client: bytes = b""
    """Headers about the client, encoded, if it isn't the one whose connection this is."""

    @property
    def headers(self) -> Headers:
        """Those that are passed on."""
        return [(field.name, field.value) for field in self.fields if field.encoded]

    def encode(self, *ours: bytes) -> bytes:
        """Return the request's datagram, with encoded headers of `ours` after the client's."""
        strings = b"\0".join((self.method, self.url, self.version, self.rest, b""))
        return b"".join([strings, *[field.encoded for field in self.fields], *ours, b"\0"])


def parse_head(head: bytes, limits: Limits) -> RequestHead:
    """Judge a request head, from the request line to the empty line after the headers.

    Raises `RequestError` when it can't be passed on.
    """
    if len(head) > limits.head_size:
        check_line(head.find(b"\r\n"), limits)
        check_size(len(head), limits)
    line = (_LENIENT_LINE if limits.lenient_targets else _REQUEST_LINE).match(head)
    if line is None:
        raise complaint(head)
    method, url, version = line.groups()
    if line.end() > limits.target_size:  # seldom: so a usual line costs one comparison
        check_line(line.end() - len(_LINE_END), limits)
        _check_target(url, limits)
    fields = _read_fields(head)
    known = known_values(fields, _joined)
    if url[:1] != b"/" or method == b"CONNECT":
        url = _other_target(method, url, fields)
    current = version == b"HTTP/1.1"
    if current and b"host" not in known:
        raise RequestError(400, "An HTTP/1.1 request must have a Host header.")
    return RequestHead(
        method,
        url,
        version,
        url.removeprefix(b"/").partition(b"?")[0],
        fields,
        _body_length(known, current, limits),
        _wants_keep_alive(known.get(b"connection"), current),
        current and b"expect" in known and _check_expect(known[b"expect"]),
        current and b"upgrade" in known and _wants_upgrade(known.get(b"connection", b"")),
        None if FORWARDING.isdisjoint(known) else known,
    )


def check_line(length: int, limits: Limits) -> None:
    """Raise `RequestError` when a request line of at least this length is too long."""
    longest = limits.target_size + _BESIDE_TARGET
    if length > longest:
        raise RequestError(414, f"The request line is longer than {longest} bytes.")


def check_size(size: int, limits: Limits) -> None:
    """Raise `RequestError` when a head of at least this size is too large."""
    if size > limits.head_size:
        raise RequestError(431, f"The request head is larger than {limits.head_size} bytes.")


def check_start(start: bytes) -> None:
    """Raise `RequestError` when no request begins like this."""
    if not _LINE_START.match(start):
        raise RequestError(400, "This is not an HTTP request.")


def complaint(head: bytes) -> RequestError:
    """Say why a head, or the part of it that came, is malformed."""
    if _OTHER_VERSION.match(head) and not _LENIENT_LINE.match(head):
        return RequestError(505, "This server speaks HTTP/1.0 and HTTP/1.1 only.")
    for pattern, text in _FAULTS:
        if pattern.search(head):
            return RequestError(400, text)
    if not _LENIENT_LINE.match(head):
        return RequestError(400, "The request line is not METHOD, target and HTTP version.")
    if not _REQUEST_LINE.match(head):
        return RequestError(400, "The request target has characters that must be escaped (%XX).")
    return RequestError(400, "A header line is not a name, a colon and a value.")


def _check_target(target: bytes, limits: Limits) -> None:
    if len(target) > limits.target_size:
        text = f"The request target is longer than {limits.target_size} bytes."
        raise RequestError(414, text)


def body_too_large(limits: Limits) -> RequestError:
    """Say that a body is larger than allowed, and how an administrator allows it."""
    return RequestError(
        413,
        f"The request body is larger than {limits.body_size} bytes, the limit of this server"
        " (option --body-size of ashd-htparser; 0 lifts it).",
    )


def _read_fields(head: bytes) -> list[Field]:
    lines = head[: -len(_HEAD_END)].split(b"\r\n")
    del lines[0]
    if len(lines) > MAX_FIELDS:
        raise RequestError(431, f"The request has more than {MAX_FIELDS} header lines.")
    try:
        return list(map(_field_of, lines))
    except MalformedLine:
        raise complaint(head) from None


def _joined(key: bytes, old: bytes, new: bytes) -> bytes:
    """Join the values of a repeated name, which makes a repeated length malformed."""
    if key == b"host":
        raise bad_host()
    if key != b"content-type":
        return old + b"," + new
    if new != old:
        raise RequestError(400, "The request has two different Content-Type headers.")
    return new


def _other_target(method: bytes, target: bytes, fields: list[Field]) -> bytes:
    """Return the url of a target that isn't a path (RFC 9112, 3.2.2 to 3.2.4).

    The host of an absolute one takes the place of the Host header.
    """
    if method == b"CONNECT":
        raise RequestError(501, "This server is not a proxy.")
    if target == b"*" and method == b"OPTIONS":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise RequestError(400, "The request target is neither a path nor an http URL.")
    for position, field in enumerate(fields):
        if field.key == b"host":
            fields[position] = make_field(field.name, absolute[1])
            break
    else:
        fields.insert(0, make_field(b"Host", absolute[1]))
    if not absolute[2] and method == b"OPTIONS":
        return b"*"
    return absolute[2] if absolute[2][:1] == b"/" else b"/" + absolute[2]


def _body_length(fields: dict[bytes, bytes], current: bool, limits: Limits) -> int | None:
    coding = fields.get(b"transfer-encoding")
    length = fields.get(b"content-length")
    if coding is not None:
        _check_coding(coding, length, current)
        return None
    if length is None:
        return 0
    if not _LENGTH.fullmatch(length):
        raise RequestError(400, "The Content-Length header is repeated or malformed.")
    if 0 < limits.body_size < int(length):
        raise body_too_large(limits)
    return int(length)


def _check_coding(coding: bytes, length: bytes | None, current: bool) -> None:
    if length is not None:
        raise RequestError(400, "The request has both Content-Length and Transfer-Encoding.")
    if not current:
        raise RequestError(400, "HTTP/1.0 has no Transfer-Encoding.")
    if coding.lower() == b"chunked":
        return
    codings = list_members(coding)
    if codings in ([], [b"chunked"]) or b"chunked" in codings[:-1]:
        raise RequestError(400, "The Transfer-Encoding header is repeated or malformed.")
    raise RequestError(501, "This server knows only the transfer coding chunked.")


def _wants_keep_alive(connection: bytes | None, current: bool) -> bool:
    if connection is None or connection == b"keep-alive":  # the usual ones first
        return current or connection is not None
    options = list_members(connection)
    return b"close" not in options and (current or b"keep-alive" in options)


def _wants_upgrade(connection: bytes) -> bool:
    return b"upgrade" in list_members(connection)  # else a proxy has passed on what it doesn't know


def _check_expect(value: bytes) -> bool:
    if value.lower() != b"100-continue":
        raise RequestError(417, "This server knows only the expectation 100-continue.")
    return True

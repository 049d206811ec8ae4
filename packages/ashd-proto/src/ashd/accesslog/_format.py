"""Lines of an access log: a format is compiled once, and makes a line of each request. No I/O.

A format is text with fields in braces, like `{client} {status} {request:accept-language}`, or the
name of a preset. `FIELDS` has them all.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from enum import Enum
from string import Formatter
from typing import Any, NamedTuple, Protocol

from ._escape import Escaped, escape_json, escape_text

MAX_LINE = 4096
"""Bytes of a line: a pipe takes so many in one piece (PIPE_BUF), whoever else writes to it."""

MAX_VALUE = 2000
"""Characters of one value; less if the line gets too long otherwise."""

_LEAST_VALUE = 16
_COMBINED_LINE = b'%b - - [TIME] "%b %b %b" %b %d %b'
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Entry(Protocol):
    """A request that is over. Bytes are as the client sent them; they are empty if not known."""

    client: bytes
    user: bytes
    method: bytes
    target: bytes
    version: bytes
    line: bytes
    """What came in place of a request line that can't be read; then the three are empty."""
    status: bytes
    sent: int
    received: int
    duration: float
    """Seconds from the head of the request to the end of the response."""
    first_byte: float
    """Likewise, to its beginning; below zero if there was none."""
    outcome: bytes
    plain: bool
    """Whether client, method, target and version are known to hold nothing to be escaped."""
    kept: bytes
    """The format's, for other requests with the same headers; nothing at first."""

    @property
    def request_id(self) -> bytes:
        """The request's id. This and the next two need no escaping."""

    @property
    def connection_id(self) -> bytes:
        """The same for all requests of a connection."""

    @property
    def protocol(self) -> bytes:
        """`http` or `https`."""

    def request_header(self, name: bytes) -> bytes:
        """Return the value of a header by its name in lower case; nothing if there is none."""

    def response_header(self, name: bytes) -> bytes:
        """Likewise, of the response."""


class FormatError(ValueError):
    """There is no such format; the text says why."""


class Kind(Enum):
    """What a field's values are."""

    CLIENTS = "bytes of the client's"
    PLAIN = "bytes that need no escaping"
    DIGITS = "bytes of a number"
    NUMBER = "an int"
    SECONDS = "a float; below zero if it isn't known"


Get = Callable[[Entry], Any]
Render = Callable[[Entry], bytes]


class Field(NamedTuple):
    """A field that a format can name."""

    kind: Kind
    get: Get
    of_response: bool = False


def common_time() -> bytes:
    """Return the time of day as the common log format has it."""
    t = time.localtime()
    return (
        f"{t.tm_mday:02}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:"
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} {time.strftime('%z', t)}"
    ).encode()


class _IsoClock:
    """The time of day in UTC, whose beginning is made anew each second."""

    def __init__(self) -> None:
        self._kept = (-1, b"")

    def now(self, _: object) -> bytes:
        """Return it as RFC 3339 has it."""
        second, part = divmod(time.time_ns() // 1000, 1_000_000)
        known, date = self._kept
        if second != known:
            date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second)).encode()
            self._kept = (second, date)
        return b"%b.%06dZ" % (date, part)


def _seconds(value: float, unknown: bytes) -> bytes:
    return b"%.6f" % value if value >= 0 else unknown


def _request_line(entry: Entry) -> bytes:
    if not entry.method:
        return entry.line
    return b"%b %b %b" % (entry.method, entry.target, entry.version)


FIELDS: dict[str, Field] = {
    "time": Field(Kind.PLAIN, lambda _: common_time()),
    "time_iso": Field(Kind.PLAIN, _IsoClock().now),
    "client": Field(Kind.CLIENTS, lambda entry: entry.client),
    "user": Field(Kind.CLIENTS, lambda entry: entry.user),
    "line": Field(Kind.CLIENTS, _request_line),
    "method": Field(Kind.CLIENTS, lambda entry: entry.method),
    "target": Field(Kind.CLIENTS, lambda entry: entry.target),
    "path": Field(Kind.CLIENTS, lambda entry: entry.target.partition(b"?")[0]),
    "version": Field(Kind.CLIENTS, lambda entry: entry.version),
    "status": Field(Kind.DIGITS, lambda entry: entry.status),
    "sent": Field(Kind.NUMBER, lambda entry: entry.sent),
    "received": Field(Kind.NUMBER, lambda entry: entry.received),
    "duration": Field(Kind.SECONDS, lambda entry: entry.duration),
    "first_byte": Field(Kind.SECONDS, lambda entry: entry.first_byte),
    "referer": Field(Kind.CLIENTS, lambda entry: entry.request_header(b"referer")),
    "agent": Field(Kind.CLIENTS, lambda entry: entry.request_header(b"user-agent")),
    "host": Field(Kind.CLIENTS, lambda entry: entry.request_header(b"host")),
    "request_id": Field(Kind.PLAIN, lambda entry: entry.request_id),
    "connection_id": Field(Kind.PLAIN, lambda entry: entry.connection_id),
    "protocol": Field(Kind.PLAIN, lambda entry: entry.protocol),
    "outcome": Field(Kind.PLAIN, lambda entry: entry.outcome),
    "process": Field(Kind.NUMBER, lambda _: os.getpid()),
}
"""docs/reference/ashd-htparser.md describes them; `request:NAME` and `response:NAME` are more."""

COMBINED = "combined"
JSON = "json"
_COMMON = '{client} - {user} [{time}] "{line}" {status} {sent}'
PRESETS = {"common": _COMMON, COMBINED: _COMMON + ' "{referer}" "{agent}"'}
"""Those that are text. `json` may have fields of its own: `json:time,status,request:accept`."""

_JSON_FIELDS = (
    "time,client,user,method,target,version,status,sent,received,duration,first_byte,referer,"
    "agent,host,request_id,connection_id,protocol,outcome"
)


class AccessFormat:
    """A compiled format.

    Attributes:
        line: makes the line of a request, with its end.
        watching: whether `Entry.duration`, `first_byte` or headers of responses are wanted.
        identified: whether `Entry.request_id` is.
    """

    def __init__(self, text: str) -> None:
        """Compile a format; raises `FormatError`."""
        as_json = text.partition(":")[0] == JSON
        template, fields = (_parse_json if as_json else _parse_text)(text)
        kinds = [field.kind for field in fields]
        self.watching: bool = Kind.SECONDS in kinds or any(field.of_response for field in fields)
        self.identified: bool = FIELDS["request_id"] in fields
        make = _json_render if as_json else _text_render
        share = max(_LEAST_VALUE, (MAX_LINE - len(template)) // len(fields))
        self._template = template
        self._renders = [make(field, MAX_VALUE) for field in fields]
        self._short_renders = [make(field, share) for field in fields]
        self._escaped = Escaped(escape_text, MAX_VALUE)
        self.line: Render = self.any_line
        if text == COMBINED:
            self.line = self.combined_line
        self.tick()

    def tick(self) -> None:
        """Take note of the time of day. To be called each second."""
        self._combined = _COMBINED_LINE.replace(b"TIME", common_time())

    def any_line(self, entry: Entry) -> bytes:
        """Return the line of a request."""
        line = self._template % tuple([render(entry) for render in self._renders])
        if len(line) > MAX_LINE:
            line = self._template % tuple([render(entry) for render in self._short_renders])
        return line

    def combined_line(self, entry: Entry) -> bytes:
        """Return the same in the usual format, made faster for the usual request."""
        if not entry.plain or entry.user:
            return self.any_line(entry)
        line = self._combined % (
            entry.client,
            entry.method,
            entry.target,
            entry.version,
            entry.status,
            entry.sent,
            entry.kept or self._keep(entry),
        )
        return line if len(line) <= MAX_LINE else self.any_line(entry)

    def _keep(self, entry: Entry) -> bytes:
        entry.kept = b'"%b" "%b"\n' % (
            self._escaped[entry.request_header(b"referer")],
            self._escaped[entry.request_header(b"user-agent")],
        )
        return entry.kept


def _parse_text(text: str) -> tuple[bytes, list[Field]]:
    template, fields = "", []
    try:
        parts = list(Formatter().parse(PRESETS.get(text, text)))
    except ValueError as error:
        raise FormatError(f"{text!r}: {error} (write {{{{ for a brace)") from None
    for literal, name, parameter, conversion in parts:
        template += literal.replace("%", "%%")
        if conversion:
            raise FormatError(f"!{conversion} has no meaning in a format of the access log")
        if name is not None:
            fields.append(_field(f"{name}:{parameter}" if parameter else name))
            template += "%b"
    if not fields:
        presets = ", ".join([*PRESETS, JSON])
        raise FormatError(f"{text!r} is no preset ({presets}), and has no fields like {{status}}")
    if not template.isprintable():
        raise FormatError("a format of the access log can't have control characters")
    return template.encode() + b"\n", fields


def _parse_json(text: str) -> tuple[bytes, list[Field]]:
    names = (text.partition(":")[2] or _JSON_FIELDS).split(",")
    fields = [_field("time_iso" if name == "time" else name) for name in names]
    members = ",".join(json.dumps(name).replace("%", "%%") + ":%b" for name in names)
    return b"{%b}\n" % members.encode(), fields


def _field(name: str) -> Field:
    if name in FIELDS:
        return FIELDS[name]
    kind, _, header = name.partition(":")
    key = header.lower().encode()
    if key and kind == "request":
        return Field(Kind.CLIENTS, lambda entry: entry.request_header(key))
    if key and kind == "response":
        return Field(Kind.CLIENTS, lambda entry: entry.response_header(key), of_response=True)
    raise FormatError(
        f"there is no field {{{name}}}; there are {', '.join(FIELDS)}, and request:NAME and "
        "response:NAME for headers"
    )


def _text_render(field: Field, limit: int) -> Render:
    get = field.get
    if field.kind is Kind.CLIENTS:
        escaped = Escaped(escape_text, limit)
        return lambda entry: escaped[get(entry)]
    return _number_render(field, b"-") or (lambda entry: get(entry) or b"-")


def _json_render(field: Field, limit: int) -> Render:
    get = field.get
    if field.kind is Kind.CLIENTS:
        escaped = Escaped(escape_json, limit)
        return lambda entry: escaped[get(entry)]
    if field.kind is Kind.DIGITS:
        return lambda entry: get(entry) or b"null"
    return _number_render(field, b"null") or (lambda entry: _quoted(get(entry)))


def _quoted(value: bytes) -> bytes:
    return b'"%b"' % value if value else b"null"


def _number_render(field: Field, unknown: bytes) -> Render | None:
    get = field.get
    if field.kind is Kind.NUMBER:
        return lambda entry: b"%d" % get(entry)
    if field.kind is Kind.SECONDS:
        return lambda entry: _seconds(get(entry), unknown)
    return None

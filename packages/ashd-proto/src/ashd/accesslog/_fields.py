"""The fields that a format can name: whose they are, and what their values are. No I/O."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any, NamedTuple

from ._entry import Burst

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class FormatError(ValueError):
    """There is no such format; the text says why."""


class Kind(Enum):
    """What a field's values are."""

    CLIENTS = "bytes of the client's"
    PLAIN = "bytes that need no escaping"
    STATUS = "bytes that begin with a number of three digits"
    NUMBER = "an int"
    TIME = "a float: a time on the monotonic clock"
    SECONDS = "a float; below zero if it isn't known"


Get = Callable[[Burst], Sequence[Any]]


class Field(NamedTuple):
    """A field that a format can name."""

    kind: Kind
    get: Get | None
    """Returns a value for each request; None for what is the same for many of a sender's."""
    sender: str = ""
    """The name of a sender's value, `request:NAME` for a header."""
    response_header: bytes = b""
    detailed: bool = False
    """Whether it is one of the details."""


def common_time() -> bytes:
    """Return the time of day as the common log format has it."""
    t = time.localtime()
    return (
        f"{t.tm_mday:02}/{_MONTHS[t.tm_mon - 1]}/{t.tm_year}:"
        f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} {time.strftime('%z', t)}"
    ).encode()


def request_lines(burst: Burst) -> Sequence[bytes]:
    """Return the request lines; of a request that could not be read, how it began."""
    rows = zip(burst.methods, burst.targets, burst.versions, strict=True)
    return [b"%b %b %b" % row if row[0] else row[1] for row in rows]


def _targets(burst: Burst) -> Sequence[bytes]:
    if all(burst.methods):
        return burst.targets
    rows = zip(burst.methods, burst.targets, strict=True)
    return [target if method else b"" for method, target in rows]


def _sender(name: str) -> Field:
    return Field(Kind.CLIENTS, None, name)


def _detail(kind: Kind, get: Get) -> Field:
    return Field(kind, get, detailed=True)


FIELDS: dict[str, Field] = {
    "time": Field(Kind.PLAIN, lambda burst: [common_time()] * len(burst.sent)),
    "time_iso": _detail(Kind.TIME, lambda burst: burst.details[2]),
    "client": _sender("client"),
    "user": _sender("user"),
    "line": Field(Kind.CLIENTS, request_lines),
    "method": Field(Kind.CLIENTS, lambda burst: burst.methods),
    "target": Field(Kind.CLIENTS, _targets),
    "path": Field(
        Kind.CLIENTS, lambda burst: [each.partition(b"?")[0] for each in _targets(burst)]
    ),
    "version": Field(Kind.CLIENTS, lambda burst: burst.versions),
    "status": Field(Kind.STATUS, lambda burst: burst.statuses),
    "sent": Field(Kind.NUMBER, lambda burst: burst.sent),
    "received": _detail(Kind.NUMBER, lambda burst: burst.details[1]),
    "duration": _detail(Kind.SECONDS, lambda burst: burst.details[3]),
    "first_byte": _detail(Kind.SECONDS, lambda burst: burst.details[4]),
    "referer": _sender("request:referer"),
    "agent": _sender("request:user-agent"),
    "host": _sender("request:host"),
    "request_id": _detail(Kind.PLAIN, lambda burst: burst.details[5]),
    "connection_id": _sender("connection_id"),
    "protocol": _sender("protocol"),
    "outcome": _detail(Kind.PLAIN, lambda burst: burst.details[0]),
    "process": Field(Kind.NUMBER, lambda burst: [os.getpid()] * len(burst.sent)),
}
"""docs/reference/ashd-htparser.md describes them; `request:NAME` and `response:NAME` are more."""


def field_of(name: str, response_headers: list[bytes]) -> Field:
    """Return a field by its name; raises `FormatError`.

    A header of the response is added to `response_headers`, in whose order the details have them.
    """
    if name in FIELDS:
        return FIELDS[name]
    kind, _, header = name.partition(":")
    key = header.lower()
    if key and kind == "request":
        return _sender(f"request:{key}")
    if key and kind == "response":
        number = len(response_headers)
        response_headers.append(key.encode())
        return _detail(Kind.CLIENTS, lambda burst: [each[number] for each in burst.details[6]])
    raise FormatError(
        f"there is no field {{{name}}}; there are {', '.join(FIELDS)}, and request:NAME and "
        "response:NAME for headers"
    )

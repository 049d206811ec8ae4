"""The head of a response: checked as PEP 3333 asks, and put into bytes."""

from __future__ import annotations

import logging
import re
from enum import Enum
from typing import Any

from ._errors import ResponseError

logger = logging.getLogger("ashd.wsgi")

MAX_HEAD = 256 * 1024 - 256
"""Bytes of status and headers. Our front end takes 256 KiB, with the lines that we add; beyond that
it could say no more than 502, while here the log can tell what is wrong."""

_STATUS = re.compile(r"[2-9][0-9][0-9] [\x20-\x7e\x80-\xff]*")
_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROLS = bytes(range(32)).replace(b"\t", b"") + b"\x7f"  # RFC 9110, section 5.5, allows TAB
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_STATUS_FIELD = re.compile(rb"^status: .*\r\n", re.IGNORECASE | re.MULTILINE)
_BEYOND_LATIN_1 = re.compile(r"[^\x00-\xff]")
_MAX_KNOWN = 1024  # names and status lines remembered; applications may invent any number
_LONGEST_KNOWN = 64  # characters of one that is remembered
_LONGEST_LENGTH = 18  # digits of a Content-Length; files end there


class _Kind(Enum):
    PLAIN = "plain"
    CONTENT_LENGTH = "content-length"


_PLAIN, _CONTENT_LENGTH = _Kind  # an Enum's own attributes take long on Python 3.11


_HOP_BY_HOP = frozenset(
    (
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "te",
        "trailer",
        "trailers",
        "transfer-encoding",
        "upgrade",
    )
)

# Caches of what was found to be good. Threads may fill them at the same time, with the same values.
_names: dict[str, _Kind] = {}
_statuses: dict[str, bytes] = {}

_named: set[str] = set()
"""Headers whose value was an int, which the log says once."""

# What an application gives may be of any type, and is annotated so: compiled code checks it.


def status_bytes(status: object) -> bytes:
    """Check a status like `200 OK` and return it as bytes; raises `ResponseError`."""
    if type(status) is str and (known := _statuses.get(status)) is not None:
        return known
    if not isinstance(status, str) or not _STATUS.fullmatch(status):
        raise ResponseError(
            f"the status must be a str like '200 OK' (three digits from 200, a space, and a "
            f"reason), not {status!r}"
        )
    encoded = str.encode(status, "latin-1")  # a subclass may do it otherwise
    if len(_statuses) < _MAX_KNOWN and len(status) <= _LONGEST_KNOWN:
        _statuses[status] = encoded
    return encoded


def header_bytes(headers: Any) -> tuple[bytes, int | None]:
    """Check headers; return them as lines, without Content-Length, whose value comes second.

    Raises `ResponseError`.
    """
    length: int | None = None
    lines: list[Any] = []
    try:
        for name, value in headers:
            kind = _names.get(name)
            if kind is None:
                kind = _classify(name)
            if kind is _CONTENT_LENGTH:
                length = _length(name, value, length)
            else:
                lines += name, ": ", value, "\r\n"
        text = "".join(lines)
    except (TypeError, ValueError, AttributeError) as error:
        if isinstance(error, ResponseError):
            raise
        better = _ints_as_text(headers)
        if better is not None:
            return header_bytes(better)
        raise ResponseError(_explain(headers)) from error
    try:
        data = text.encode("latin-1")
    except UnicodeEncodeError as error:
        raise ResponseError(
            f"a header goes beyond latin-1: {_culprit(headers, _BEYOND_LATIN_1)}"
        ) from error
    if len(data) - len(data.translate(None, _CONTROLS)) != len(lines) // 2:
        raise ResponseError(f"a header has a control character: {_culprit(headers, _CONTROL)}")
    return data, length


def without_status(lines: bytes) -> bytes:
    """Return headers without those that a web server would take for the status of CGI."""
    return _STATUS_FIELD.sub(b"", lines)


def _ints_as_text(headers: object) -> list[tuple[str, str]] | None:
    """Return headers with their text in place of ints; None if something else is wrong as well."""
    if not isinstance(headers, list | tuple) or any(map(_fault, headers)):
        return None
    return [(name, _text(name, value) if type(value) is int else value) for name, value in headers]


def _text(name: str, value: int) -> str:
    lower = name.lower()
    if lower not in _named and len(_named) < _MAX_KNOWN and len(name) <= _LONGEST_KNOWN:
        _named.add(lower)
        logger.warning(
            "the application gives the header %s as an int, which is sent as its text; "
            "PEP 3333 asks for a str",
            name,
        )
    return str(value)


def _classify(name: object) -> _Kind:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ResponseError(f"{name!r} can't be the name of a header")
    lower = name.lower()
    if lower in _HOP_BY_HOP:
        raise ResponseError(
            f"the header {name} is about the connection, which is the server's business (PEP 3333)"
        )
    kind = _CONTENT_LENGTH if lower == "content-length" else _PLAIN
    if len(_names) < _MAX_KNOWN and len(name) <= _LONGEST_KNOWN:
        _names[name] = kind
    return kind


def _length(name: str, value: object, earlier: int | None) -> int:
    if type(value) is int:
        value = _text(name, value)
    if (
        not isinstance(value, str)
        or not (value.isascii() and value.isdigit())
        or len(value) > _LONGEST_LENGTH
    ):
        raise ResponseError(f"Content-Length must be a number as a str, not {value!r:.100}")
    length = int(value)
    if earlier not in (None, length):
        raise ResponseError(f"two different Content-Length headers: {earlier} and {length}")
    return length


def _explain(headers: object) -> str:
    faults = map(_fault, headers if isinstance(headers, list | tuple) else ())
    return next(filter(None, faults), "") or (
        f"headers must be a list of pairs of str, not {headers!r:.100}"
    )


def _fault(header: object) -> str:
    """Say what is wrong with the types of a header; nothing if they can be taken."""
    if not (isinstance(header, tuple | list) and len(header) == 2):
        return f"a header must be a pair of name and value, not {header!r}"
    name, value = header
    if not (isinstance(name, str) and (isinstance(value, str) or type(value) is int)):
        return f"a header's name and value must be str: {header!r}"
    return ""


def _culprit(headers: Any, bad: re.Pattern[str]) -> str:
    found = (f"{name}: {value!r}" for name, value in headers if bad.search(value))
    return next(found, "one of an iterator, which is used up")

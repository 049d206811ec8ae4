"""The lines of a response's head: their grammar, and what a client gets of them. No I/O."""

from __future__ import annotations

import re

from ._errors import ResponseError
from ._fields import Field
from ._syntax import LENGTH, TEXT, TOKEN, is_ash

_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([1-9][0-9][0-9])(?: (" + TEXT + rb"))?\r?")
_FIELD = re.compile(TOKEN + rb":" + TEXT + rb"\r?")
_LENGTH = re.compile(LENGTH)

SWITCHING = b"101"
SWITCH = b"x-ash-switch"
"""The header by which a handler says that it takes the client's bytes over."""

_BODILESS = (b"204", b"304")
_UPGRADING = (SWITCHING, b"426")  # "Upgrade Required" has to say to what
_HOP_BY_HOP = (b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade")
_REPLACED = frozenset((*_HOP_BY_HOP, b"content-length"))
_OURS = _REPLACED | {b"date", b"server", SWITCH}


class Status:
    """A status line."""

    __slots__ = ("bodiless", "code", "interim", "line", "upgrading")

    def __init__(self, code: bytes, reason: bytes) -> None:
        """Take what is in the line."""
        self.code = code
        self.interim = code.startswith(b"1")
        self.bodiless = code in _BODILESS
        self.upgrading = code in _UPGRADING
        self.line = b"HTTP/1.1 %b %b\r\n" % (code, reason)
        """What the client gets."""


def read_status(line: bytes) -> Status:
    """Judge a status line without its LF; raises `ResponseError`."""
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise malformed_head()
    return Status(match[1], match[2] or b"")


def read_response_field(line: bytes) -> Field:
    """Judge a header line without its LF; raises `ResponseError`."""
    if not _FIELD.fullmatch(line):
        raise malformed_head()
    name, _, value = line.partition(b":")
    key, value = name.lower(), value.strip(b" \t\r")
    if key == b"content-length" and not _LENGTH.fullmatch(value):
        raise bad_length()
    encoded = b"" if key in _REPLACED or is_ash(name) else b"%b: %b\r\n" % (name, value)
    return Field(name, value, key if key in _OURS else b"", encoded)


def malformed_head() -> ResponseError:
    """Say that this is no HTTP response."""
    return ResponseError("The handler's response has a malformed head.")


def bad_length() -> ResponseError:
    """Say that it isn't certain how long the body is."""
    return ResponseError("The handler's response has a malformed Content-Length.")

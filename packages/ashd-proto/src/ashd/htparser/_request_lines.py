"""Header lines of requests: their grammar, and what the front end does about them. No I/O."""

from __future__ import annotations

import re

from ._errors import RequestError
from ._fields import Field
from ._forwarded import disguises, forwarding_key
from ._syntax import TEXT, TOKEN, is_ash, is_host

_LINE = re.compile(TOKEN + rb":" + TEXT)
_OURS = frozenset(
    b"connection content-length content-type expect host transfer-encoding upgrade".split()
)


class MalformedLine(Exception):  # noqa: N818 - it says what the line is
    """A line is not a header's."""


def make_field(name: bytes, value: bytes) -> Field:
    """Judge a header; the name is a token, the value without spaces around it."""
    key = name.lower()
    if key == b"host" and not is_host(value):
        raise bad_host()
    encoded = b"" if is_ash(name) or disguises(key) else b"%b\0%b\0" % (name, value)
    return Field(name, value, key if key in _OURS else forwarding_key(key), encoded)


def read_field(line: bytes) -> Field:
    """Judge a header line, without its end; raises `MalformedLine` or `RequestError`."""
    if not _LINE.fullmatch(line):
        raise MalformedLine
    name, _, value = line.partition(b":")
    return make_field(name, value.strip(b" \t"))


def bad_host() -> RequestError:
    """Say that it isn't certain which host is meant."""
    return RequestError(400, "The host of the request is empty, repeated or malformed.")

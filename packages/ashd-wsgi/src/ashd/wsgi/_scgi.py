"""SCGI requests as bytes: the part that needs no socket.

A request is a netstring of names and values, each ended by a NUL byte, and then the body, whose
length CONTENT_LENGTH says: <https://python.ca/scgi/protocol.txt>.
"""

from __future__ import annotations

import re

from ashd.proto import Headers

from ._errors import BadRequestError

MAX_HEAD = 128 * 1024
"""Bytes of names and values; nginx sends 40 KiB at most, unless it is told to take larger heads."""

LEAST_HEAD = len(b"24:CONTENT_LENGTH\x000\x00SCGI\x001\x00,")
"""Bytes of the smallest head: so many can be read before its size is known, and none of a body."""

_LENGTH = re.compile(rb"([1-9][0-9]{0,5}):")
_PREFIX = len("999999:")
_CONTENT_LENGTH = re.compile(rb"[0-9]{1,18}")
_TWICE = "a name in an SCGI request is empty or repeated"

Params = dict[bytes, bytes]


def head_size(start: bytes | bytearray) -> int:
    """Return how many bytes the head has that begins like this, with its comma; 0: not known yet.

    Raises `BadRequestError`.
    """
    found = _LENGTH.match(start)
    if found is None:
        if len(start) >= _PREFIX or (start and not _LENGTH.match(start + b":")):
            raise BadRequestError("this is not an SCGI request: it must begin with a netstring")
        return 0
    size = int(found[1])
    if size > MAX_HEAD:
        raise BadRequestError(f"the head of an SCGI request has more than {MAX_HEAD} bytes")
    return found.end() + size + 1


def parse_head(head: bytes) -> Params:
    """Return the names and values of a whole head; raises `BadRequestError`."""
    strings = head[head.index(b":") + 1 : -1].split(b"\0")
    if head[-1:] != b"," or len(strings) < 3 or len(strings) % 2 == 0 or strings.pop():
        raise BadRequestError("the head of an SCGI request is malformed")
    names, values = strings[::2], strings[1::2]
    params = dict(zip(names, values, strict=True))
    if len(params) != len(names):
        params = _joined(names, values)
    if b"" in params:
        raise BadRequestError(_TWICE)
    if params.get(b"SCGI") != b"1":
        raise BadRequestError("the request has no SCGI=1")
    if not _CONTENT_LENGTH.fullmatch(params.get(b"CONTENT_LENGTH", b"")):
        raise BadRequestError("the CONTENT_LENGTH of an SCGI request is missing or not a number")
    return params


def _joined(names: list[bytes], values: list[bytes]) -> Params:
    """Join headers that repeat, which nginx before 1.23 passes on as they came."""
    several: dict[bytes, list[bytes]] = {}
    for name, value in zip(names, values, strict=True):
        several.setdefault(name, []).append(value)
    for name, given in several.items():
        if len(given) > 1 and (name == b"HTTP_HOST" or not name.startswith(b"HTTP_")):
            raise BadRequestError(_TWICE)
    return {
        name: (b"; " if name == b"HTTP_COOKIE" else b", ").join(given)
        for name, given in several.items()
    }


def request_of(params: Params) -> tuple[bytes, bytes, bytes, Headers]:
    """Return method, url and version of a request, and what else it says."""
    url = params.get(b"REQUEST_URI", b"")
    if not url:
        query = params.get(b"QUERY_STRING", b"")
        url = params.get(b"SCRIPT_NAME", b"") + params.get(b"PATH_INFO", b"")
        url = (url or b"/") + (b"?" + query if query else b"")
    method = params.get(b"REQUEST_METHOD") or b"GET"
    version = params.get(b"SERVER_PROTOCOL") or b"HTTP/1.0"
    return method, url, version, list(params.items())

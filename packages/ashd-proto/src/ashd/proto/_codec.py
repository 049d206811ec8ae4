"""Requests as bytes: the part of the protocol that needs no socket.

A datagram is a run of NUL-terminated byte strings: method, url, version and rest string, then name
and value of each header, then one empty string. Nothing may follow. Because the empty string ends
the list, a header without a name can't be expressed; a datagram that seems to have one was built
from a client's `: value` line, and what follows the gap would be lost, so it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable

from ._errors import DecodeError, EncodeError

Headers = list[tuple[bytes, bytes]]
"""Names and values in the order of arrival; names may repeat."""

Fields = tuple[bytes, bytes, bytes, bytes, Headers]
"""Method, url, version, rest string and headers of a request."""

_FIXED = 4  # strings in front of the headers
_TAIL = 2  # the terminator's empty string, and what split() leaves after the last NUL


def decode_request(datagram: bytes) -> Fields:
    """Take a datagram apart.

    Raises `DecodeError` for anything that is not exactly one well-formed request.
    """
    strings = datagram.split(b"\0")
    names = strings[_FIXED:-_TAIL:2]
    values = strings[_FIXED + 1 : -_TAIL : 2]
    if (
        len(strings) < _FIXED + _TAIL
        or len(names) != len(values)
        or strings[-1]
        or strings[-2]
        or not all(names)
    ):
        raise DecodeError(_reason(strings))
    return strings[0], strings[1], strings[2], strings[3], list(zip(names, values, strict=True))


def _reason(strings: list[bytes]) -> str:
    if strings[-1]:
        return "the datagram does not end in a NUL byte"
    if len(strings) < _FIXED + _TAIL:
        return "the datagram ends before its header list"
    if b"" in strings[_FIXED:-_TAIL:2]:
        return "the datagram goes on after the end of its header list (a header without a name?)"
    return "the datagram's header list is not terminated by an empty string"


def encode_headers(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode headers once for many requests; the caller knows that they are well formed."""
    return b"".join(b"%b\0%b\0" % field for field in headers)


def encode_request(
    method: bytes, url: bytes, version: bytes, rest: bytes, headers: Iterable[tuple[bytes, bytes]]
) -> bytes:
    """Build the datagram of a request.

    Raises `EncodeError` when a string holds a NUL byte or a header has no name.
    """
    strings = [method, url, version, rest]
    for name, value in headers:
        if not name:
            raise EncodeError(f"a header without a name can't be sent (its value is {value!r})")
        strings += name, value
    strings += b"", b""
    datagram = b"\0".join(strings)
    if datagram.count(b"\0") != len(strings) - 1:
        culprit = next(string for string in strings if b"\0" in string)
        raise EncodeError(f"a string with a NUL byte can't be sent: {culprit[:100]!r}")
    return datagram

"""Ids of requests: made here, or taken from a proxy that is trusted. No I/O but random numbers."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

REQUEST_ID = b"X-Ash-Request-ID"
"""The header by which handlers are told."""

_DIGITS = 32  # 128 bits, as in a `traceparent`: nobody guesses one, and none comes twice
_AT_ONCE = 2048  # random bytes: a system call for each request would cost more than all the rest

_GIVEN = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
_TRACE = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def request_ids() -> Iterator[bytes]:
    """Return an iterator over new ids; one thread at a time may use it."""
    while True:
        digits = os.urandom(_AT_ONCE).hex().encode()
        for start in range(0, len(digits), _DIGITS):
            yield digits[start : start + _DIGITS]


def given_id(x_request_id: bytes, traceparent: bytes) -> bytes:
    """Return the id that a proxy gives by one of these headers; nothing if there is no good one.

    That of `traceparent` (W3C Trace Context) is its trace-id.
    """
    if _GIVEN.fullmatch(x_request_id):
        return x_request_id
    match = _TRACE.fullmatch(traceparent)
    return match[1] if match else b""

"""Ids that a trusted proxy gives to requests. No I/O."""

from __future__ import annotations

import re

_GIVEN = re.compile(rb"[A-Za-z0-9._~+/=:@-]{1,128}")
_TRACE = re.compile(rb"[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}(?:-.*)?")


def given_id(x_request_id: bytes, traceparent: bytes) -> bytes:
    """Return the id that a proxy gives by one of these headers; nothing if there is no good one.

    That of `traceparent` (W3C Trace Context) is its trace-id.
    """
    if _GIVEN.fullmatch(x_request_id):
        return x_request_id
    match = _TRACE.fullmatch(traceparent)
    return match[1] if match else b""

"""It calls `start_response` with `exc_info` when the head has been sent."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ashdtest.misbehaving import FAILED, Cut, Environ, Shows, Start

shows = Shows(client=Cut(b"one"), log=(FAILED, "ZeroDivisionError"))


def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"one"
    try:
        raise ZeroDivisionError
    except ZeroDivisionError:
        start_response("500 Too late", [], sys.exc_info())
    yield b"more"

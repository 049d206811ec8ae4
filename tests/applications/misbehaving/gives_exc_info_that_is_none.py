"""It calls `start_response` after the head with an `exc_info` of which each part is None."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ashdtest.misbehaving import FAILED, Cut, Environ, Shows, Start

shows = Shows(client=Cut(b"one"), log=(FAILED, "exc_info"))


def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"one"
    start_response("200 OK", [], sys.exc_info())
    yield b"more"

"""It yields a piece, and then empty ones without end."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import Endless, Environ, Pieces, Shows, Start

shows = Shows(client=Endless())


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, pieces())


def pieces() -> Iterator[bytes]:
    yield b"x" * 2_000
    while True:
        time.sleep(0.001)
        yield b""

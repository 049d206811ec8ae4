"""It raises KeyboardInterrupt after a piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import FAILED, Cut, Environ, Pieces, Shows, Start

shows = Shows(client=Cut(b"one"), log=(FAILED, "KeyboardInterrupt"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, pieces())


def pieces() -> Iterator[bytes]:
    yield b"one"
    raise KeyboardInterrupt

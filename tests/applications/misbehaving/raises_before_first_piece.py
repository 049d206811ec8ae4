"""Its iterable raises before the first piece."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Pieces, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ZeroDivisionError: no piece"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, pieces())


def pieces() -> Iterator[bytes]:
    yield b""
    raise ZeroDivisionError("no piece")

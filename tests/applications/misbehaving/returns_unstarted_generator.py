"""It returns a generator function in place of a generator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "must return an iterable of bytes, not function"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return pieces


def pieces() -> Iterator[bytes]:
    yield b"body"

"""It calls `start_response` after its first piece."""

from __future__ import annotations

from collections.abc import Iterator

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "did not call start_response before its body"))


def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
    yield b"too early"
    start_response("200 OK", [])

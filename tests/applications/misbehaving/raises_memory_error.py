"""It asks for more memory than there is."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "MemoryError"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return [bytes(1 << 60)]

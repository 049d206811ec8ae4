"""Its head is larger than front ends take."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "front ends take 261888 at most"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("X-Large", "x" * 300_000)])
    return [b"body"]

"""It calls `start_response` without arguments."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "TypeError"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response()
    return [b"body"]

"""It raises StopIteration in the call."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "StopIteration"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    raise StopIteration

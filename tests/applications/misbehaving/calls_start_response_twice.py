"""It calls `start_response` twice, without `exc_info`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "start_response was called a second time"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    start_response("200 OK", [])
    return [b"body"]

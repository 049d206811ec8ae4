"""Its status is a number."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "the status must be a str like '200 OK'"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response(200, [])
    return [b"body"]

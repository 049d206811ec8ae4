"""Its `Content-Length` is not a number."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "Content-Length must be a number as a str, not 'four'"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Content-Length", "four")])
    return [b"body"]

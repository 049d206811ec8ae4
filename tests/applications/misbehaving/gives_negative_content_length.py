"""Its `Content-Length` is negative."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "Content-Length must be a number as a str, not '-1'"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Content-Length", "-1")])
    return [b"body"]

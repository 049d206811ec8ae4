"""It returns a `str`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "the body must come in pieces of bytes, not str"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return "body"

"""It gives two lengths that differ."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "two different Content-Length headers: 4 and 5"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Content-Length", "4"), ("Content-Length", "5")])
    return [b"body"]

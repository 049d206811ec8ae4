"""It sets `Connection`, which is about the connection."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "the header Connection is about the connection"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Connection", "close")])
    return [b"body"]

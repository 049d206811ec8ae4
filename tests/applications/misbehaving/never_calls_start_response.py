"""It never calls `start_response`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Pieces, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "did not call start_response before its body"))


def application(environ: Environ, start_response: Start) -> Any:
    return Pieces(__name__, [b"body"])

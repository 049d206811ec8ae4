"""It yields None."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Pieces, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "pieces of bytes, not NoneType"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, [None])

"""It returns None."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "must return an iterable of bytes, not NoneType"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])

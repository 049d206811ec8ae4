"""It raises in the call, after `start_response`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ZeroDivisionError: after start_response"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("X-Secret", "1")])
    raise ZeroDivisionError("after start_response")

"""It raises in the call, before `start_response`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ZeroDivisionError: in the call"))


def application(environ: Environ, start_response: Start) -> Any:
    raise ZeroDivisionError("in the call")

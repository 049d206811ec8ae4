"""It recurses without end."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "RecursionError"))


def application(environ: Environ, start_response: Start) -> Any:
    return application(environ, start_response)

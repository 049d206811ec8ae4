"""It raises GeneratorExit."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "GeneratorExit"))


def application(environ: Environ, start_response: Start) -> Any:
    raise GeneratorExit

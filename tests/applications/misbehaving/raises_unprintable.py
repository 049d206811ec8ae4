"""It raises an exception with characters that can't be printed."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ValueError: \\udcff"))


def application(environ: Environ, start_response: Start) -> Any:
    raise ValueError("\udcff")

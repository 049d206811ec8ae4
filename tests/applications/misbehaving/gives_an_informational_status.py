"""Its status is 103."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "three digits from 200", "'103 Early Hints'"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("103 Early Hints", [])
    return [b"body"]

"""It closes `wsgi.errors`, which is the log, and raises."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ZeroDivisionError: after the end of the log"))


def application(environ: Environ, start_response: Start) -> Any:
    environ["wsgi.errors"].close()
    raise ZeroDivisionError("after the end of the log")

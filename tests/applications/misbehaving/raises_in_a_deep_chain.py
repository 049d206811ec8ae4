"""It raises an exception with a hundred causes."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ValueError: 0\n", "ValueError: 99\n"))


def application(environ: Environ, start_response: Start) -> Any:
    error = ValueError(0)
    for number in range(1, 100):
        cause, error = error, ValueError(number)
        error.__cause__ = cause
    try:
        raise error
    finally:
        del error, cause

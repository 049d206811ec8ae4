"""It raises an exception whose `__str__` raises."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "UnspeakableError: <exception str() failed>"))


class UnspeakableError(Exception):
    def __str__(self) -> str:
        raise ZeroDivisionError("in str")


def application(environ: Environ, start_response: Start) -> Any:
    raise UnspeakableError

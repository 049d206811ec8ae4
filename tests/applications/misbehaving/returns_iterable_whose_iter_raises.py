"""The `__iter__` of what it returns raises."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Pieces, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ZeroDivisionError: in iter"))


class Result(Pieces):
    def __iter__(self) -> Iterator[bytes]:
        raise ZeroDivisionError("in iter")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Result(__name__)

"""The `__len__` of what it returns raises."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Pieces, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ZeroDivisionError: in len"))


class Result(Pieces):
    def __len__(self) -> int:
        raise ZeroDivisionError("in len")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Result(__name__, [b"body"])

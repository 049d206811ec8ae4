"""Its `close` raises."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(
    client=Whole(b"good"),
    log=("close() of the response's iterable failed", "ZeroDivisionError: in close"),
)


class Result(Pieces):
    def close(self) -> None:
        super().close()
        raise ZeroDivisionError("in close")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Result(__name__, [b"good"])

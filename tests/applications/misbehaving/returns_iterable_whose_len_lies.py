"""The `__len__` of what it returns says 1, and there are two pieces."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b"one"), log=("the body is longer than its Content-Length of 3",))


class Result(Pieces):
    def __len__(self) -> int:
        return 1


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Result(__name__, [b"one", b"two"])

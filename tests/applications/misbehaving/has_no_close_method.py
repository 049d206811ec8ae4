"""The `close` of what it returns is not a function."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(
    client=Whole(b"good"),
    log=("close() of the response's iterable failed", "'int' object is not callable"),
)


class Result:
    close = 1

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"good"])


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Result()

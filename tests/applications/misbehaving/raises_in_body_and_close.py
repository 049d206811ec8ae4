"""Its iterable raises after a piece, and its `close` then as well."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import FAILED, Cut, Environ, Pieces, Shows, Start

shows = Shows(
    client=Cut(b"one"),
    log=(
        FAILED,
        "ZeroDivisionError: in the body",
        "close() of the response's iterable failed",
        "ZeroDivisionError: in close",
    ),
)


class Result(Pieces):
    def close(self) -> None:
        super().close()
        raise ZeroDivisionError("in close")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Result(__name__, pieces())


def pieces() -> Iterator[bytes]:
    yield b"one"
    raise ZeroDivisionError("in the body")

"""What it returns raises when any attribute is asked for, as a proxy does that is used too late."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(
    client=Page(),
    log=(
        FAILED,
        "close() of the response's iterable failed",
        "RuntimeError: outside of its context",
    ),
)


class Proxy:
    def __iter__(self) -> Iterator[bytes]:
        return iter([b"proxied"])

    def __getattribute__(self, name: str) -> Any:
        raise RuntimeError("outside of its context")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Proxy()

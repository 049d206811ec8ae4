"""A header is `bytes`."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "b'Content-Type' can't be the name of a header"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [(b"Content-Type", b"text/plain")])
    return [b"body"]

"""A header goes beyond latin-1."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "a header goes beyond latin-1: X-Name"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("X-Name", "na\N{LATIN SMALL LETTER I WITH OGONEK}ve")])
    return [b"body"]

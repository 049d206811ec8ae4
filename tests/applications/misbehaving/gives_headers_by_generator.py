"""Its headers are a generator, and one of them has a line break."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "a header has a control character"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", (("X-Name", value) for value in ("good", "b\nad")))
    return [b"body"]

"""It sets `Transfer-Encoding`, and makes chunks by itself."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "the header Transfer-Encoding is about the connection"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [("Transfer-Encoding", "chunked")])
    return [b"4\r\nbody\r\n0\r\n\r\n"]

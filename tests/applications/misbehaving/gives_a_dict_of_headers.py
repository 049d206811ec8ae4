"""Its headers are a dict."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "headers must be a list of pairs of str"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", {"Content-Type": "text/plain"})
    return [b"body"]

"""It deletes all keys of the environ."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "KeyError: 'wsgi.input'"))


def application(environ: Environ, start_response: Start) -> Any:
    environ.clear()
    start_response("200 OK", [])
    return [environ["wsgi.input"].read()]

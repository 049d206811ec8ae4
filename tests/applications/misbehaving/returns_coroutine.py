"""It is a coroutine function that hides as a plain one."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "must return an iterable of bytes, not coroutine"))


def application(environ: Environ, start_response: Start) -> Any:
    coroutine = serve(start_response)
    coroutine.close()
    return coroutine


async def serve(start_response: Start) -> Any:
    start_response("200 OK", [])
    return [b"body"]

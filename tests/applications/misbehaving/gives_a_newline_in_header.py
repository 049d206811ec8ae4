"""A header has a line break, as somebody who splits responses would put it there."""

from __future__ import annotations

from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "a header has a control character: Location"))


def application(environ: Environ, start_response: Start) -> Any:
    start_response("302 Found", [("Location", "/\r\n\r\n<script>")])
    return [b"body"]

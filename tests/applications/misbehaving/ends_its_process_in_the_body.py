"""It calls `os._exit` after a piece."""

from __future__ import annotations

import os
from collections.abc import Iterator

from ashdtest.misbehaving import Cut, Environ, Shows, Start

shows = Shows(client=Cut(b"one"), prints="died (exit status 4)", ends=True)


def application(environ: Environ, start_response: Start) -> Iterator[bytes]:
    start_response("200 OK", [])
    yield b"one"
    os._exit(4)

"""It yields empty pieces without end."""

from __future__ import annotations

import time
from typing import Any

from ashdtest.misbehaving import Environ, Nothing, Pieces, Shows, Start

shows = Shows(client=Nothing())


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, iter(pause, None))


def pause() -> bytes:
    time.sleep(0.001)
    return b""

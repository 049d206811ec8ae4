"""It yields without end."""

from __future__ import annotations

import itertools
from typing import Any

from ashdtest.misbehaving import Endless, Environ, Pieces, Shows, Start

shows = Shows(client=Endless())


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, itertools.repeat(b"x" * 1000))

"""It gives a body without end to HEAD."""

from __future__ import annotations

import itertools
from typing import Any

from ashdtest.misbehaving import Environ, Pieces, Shows, Start, Whole

shows = Shows(client=Whole(b""), method="HEAD")


def application(environ: Environ, start_response: Start) -> Any:
    start_response("200 OK", [])
    return Pieces(__name__, itertools.repeat(b"body"))

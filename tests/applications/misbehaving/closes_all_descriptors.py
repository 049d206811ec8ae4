"""It closes all descriptors of its process."""

from __future__ import annotations

import os
from typing import Any

from ashdtest.misbehaving import Environ, Page, Shows, Start

shows = Shows(client=Page(502), prints="Bad file descriptor", ends=True)


def application(environ: Environ, start_response: Start) -> Any:
    os.closerange(3, 1024)
    start_response("200 OK", [])
    return [b"to whom?"]

"""It sends its process SIGTERM: requests are answered, then the process ends."""

from __future__ import annotations

import os
import signal
from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"last words"), prints="leaves and is replaced", ends=True)


def application(environ: Environ, start_response: Start) -> Any:
    os.kill(os.getpid(), signal.SIGTERM)
    start_response("200 OK", [])
    return [b"last words"]

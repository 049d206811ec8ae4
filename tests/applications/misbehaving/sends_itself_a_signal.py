"""It sends its own process a signal that it handles."""

from __future__ import annotations

import os
import signal
from typing import Any

from ashdtest.misbehaving import Environ, Shows, Start, Whole

shows = Shows(client=Whole(b"alive"))

signal.signal(signal.SIGUSR2, lambda *_: None)


def application(environ: Environ, start_response: Start) -> Any:
    os.kill(os.getpid(), signal.SIGUSR2)
    start_response("200 OK", [])
    return [b"alive"]

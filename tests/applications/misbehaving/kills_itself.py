"""It kills its process."""

from __future__ import annotations

import os
import signal
from typing import Any

from ashdtest.misbehaving import Environ, Page, Shows, Start

shows = Shows(client=Page(502), prints="died (killed by signal 9: Killed)", ends=True)


def application(environ: Environ, start_response: Start) -> Any:
    os.kill(os.getpid(), signal.SIGKILL)

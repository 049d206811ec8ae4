"""It calls `os.abort`, as a crash in C does."""

from __future__ import annotations

import os
from typing import Any

from ashdtest.misbehaving import Environ, Page, Shows, Start

shows = Shows(client=Page(502), prints="died (killed by signal 6: Aborted)", ends=True)


def application(environ: Environ, start_response: Start) -> Any:
    os.abort()

"""It calls `os._exit`."""

from __future__ import annotations

import os
from typing import Any

from ashdtest.misbehaving import Environ, Page, Shows, Start

shows = Shows(client=Page(502), prints="died (exit status 3)", ends=True)


def application(environ: Environ, start_response: Start) -> Any:
    os._exit(3)

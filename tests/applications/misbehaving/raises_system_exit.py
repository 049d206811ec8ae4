"""It calls `sys.exit`."""

from __future__ import annotations

import sys
from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "SystemExit: 3"))


def application(environ: Environ, start_response: Start) -> Any:
    sys.exit(3)

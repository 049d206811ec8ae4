"""It closes `sys.stderr`, and raises."""

from __future__ import annotations

import sys
from typing import Any

from ashdtest.misbehaving import FAILED, Environ, Page, Shows, Start

shows = Shows(client=Page(), log=(FAILED, "ZeroDivisionError: after the end of stderr"))


def application(environ: Environ, start_response: Start) -> Any:
    sys.stderr.close()
    raise ZeroDivisionError("after the end of stderr")

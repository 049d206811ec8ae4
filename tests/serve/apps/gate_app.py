"""Waits at the named pipe that the query names, if any, before it answers.

It looks up now and then: a signal that comes just before a call that waits would be noticed only
after it.
"""

import os
import select
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["QUERY_STRING"]:
        with Path(environ["QUERY_STRING"]).open("rb") as pipe:
            while not select.select([pipe], [], [], 0.1)[0]:
                pass
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

"""Starts a child by fork, which goes on living with all descriptors that the process has."""

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any

CHILD = os.fork()
while not CHILD:
    signal.pause()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(CHILD).encode()]

"""An application whose requests are looked at over the debug socket."""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

gate = threading.Event()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    path = environ["PATH_INFO"]
    if path == "/wait":
        gate.wait()
    if path == "/open":
        gate.set()
    if path == "/fail":
        raise RuntimeError("as asked")
    body = b"%d" % os.getpid()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]

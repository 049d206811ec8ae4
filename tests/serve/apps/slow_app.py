"""Takes some milliseconds for each request."""

import time
from collections.abc import Callable, Iterable
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    time.sleep(0.004)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"whole"]

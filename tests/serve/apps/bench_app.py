"""For benchmarks: `/sleep?SECONDS`, `/file?PATH`, `/stream?BYTES`, and a constant for all else."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    kind = (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).strip("/")
    if kind == "sleep":
        time.sleep(float(environ["QUERY_STRING"]))
    elif kind == "file":
        file = Path(environ["QUERY_STRING"]).open("rb")  # noqa: SIM115 - the server closes it
        wrapped: Iterable[bytes] = environ["wsgi.file_wrapper"](file)
        return wrapped
    elif kind == "stream":
        return (bytes(65536) for _ in range(int(environ["QUERY_STRING"]) // 65536))
    return [b"Hello, world!"]

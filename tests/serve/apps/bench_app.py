"""For benchmarks: `/sleep?SECONDS`, `/file?PATH`, `/stream?BYTES`, and a constant for all else."""

import time
from pathlib import Path


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    kind = (environ["SCRIPT_NAME"] + environ["PATH_INFO"]).strip("/")
    if kind == "sleep":
        time.sleep(float(environ["QUERY_STRING"]))
    elif kind == "file":
        return environ["wsgi.file_wrapper"](Path(environ["QUERY_STRING"]).open("rb"))
    elif kind == "stream":
        return (bytes(65536) for _ in range(int(environ["QUERY_STRING"]) // 65536))
    return [b"Hello, world!"]

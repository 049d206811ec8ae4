"""Waits at the named pipe that the query names, if any, before it answers."""

import os
from pathlib import Path


def application(environ, start_response):
    if environ["QUERY_STRING"]:
        Path(environ["QUERY_STRING"]).read_bytes()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

"""Answers at once, and tells which process it is."""

import os


def application(environ, start_response):
    flags = [environ[f"wsgi.{name}"] for name in ("multithread", "multiprocess")]
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [f"{os.getpid()} {flags}".encode()]

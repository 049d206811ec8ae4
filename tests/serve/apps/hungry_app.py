"""Keeps some memory for each request."""

import os

KEPT = []


def application(environ, start_response):
    KEPT.append(b"x" * 1_000_000)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(os.getpid()).encode()]

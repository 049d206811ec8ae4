"""Takes some milliseconds for each request."""

import time


def application(environ, start_response):
    time.sleep(0.004)
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"whole"]

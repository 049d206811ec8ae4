"""Starts a child by fork, which goes on living with all descriptors of the process."""

import os
import signal


def application(environ, start_response):
    pid = os.fork()
    if not pid:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        while True:
            signal.pause()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(pid).encode()]

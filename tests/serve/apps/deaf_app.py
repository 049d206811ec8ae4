"""Starts a child by fork, which goes on living with all descriptors that the process has."""

import os
import signal

CHILD = os.fork()
while not CHILD:
    signal.pause()


def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [str(CHILD).encode()]

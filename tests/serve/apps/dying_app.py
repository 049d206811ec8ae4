"""Ends its process a moment after it was loaded: at once when a request comes, or by itself."""

import os
import threading

threading.Timer(0.01, os._exit, [3]).start()


def application(environ, start_response):
    os._exit(3)

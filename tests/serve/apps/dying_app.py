"""Ends its process a moment after it was loaded: at once when a request comes, or by itself."""

import os
import threading
from collections.abc import Callable, Iterable
from typing import Any

threading.Timer(0.01, os._exit, [3]).start()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    os._exit(3)

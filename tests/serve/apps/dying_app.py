"""Ends its process a moment after that is ready: at once when a request comes, or by itself."""

import os
import signal
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any


def die() -> None:
    while signal.getsignal(signal.SIGHUP) is signal.SIG_DFL:  # so it is while a worker loads
        time.sleep(0.001)
    time.sleep(0.01)
    os._exit(3)


threading.Thread(target=die, daemon=True).start()


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    os._exit(3)

"""Waiting for children, so that none stays a zombie.

Each child gets a daemon thread that waits for it and does nothing else: unlike a handler of SIGCHLD
this leaves the process' own signals and its own children alone.
"""

from __future__ import annotations

import subprocess
import threading
from typing import Any

from ._threads import HelperThread


class _Reaper(HelperThread):
    def __init__(self, process: subprocess.Popen[Any]) -> None:
        super().__init__(name=f"reap {process.pid}", daemon=True)
        self._process = process

    def run(self) -> None:
        self._process.wait()


_lock = threading.Lock()  # guards the list
_unwatched: list[subprocess.Popen[Any]] = []


def reap(process: subprocess.Popen[Any]) -> None:
    """Wait for a child in a daemon thread of its own, so that it never stays a zombie.

    If no thread can be started, the child is looked at again when the next one is reaped.
    """
    with _lock:
        _unwatched[:] = [child for child in _unwatched if child.poll() is None]
        if process.poll() is not None:
            return
        try:
            _Reaper(process).start()
        except RuntimeError:
            _unwatched.append(process)

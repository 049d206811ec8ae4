"""What all threads are doing, as text for a log."""

from __future__ import annotations

import sys
import threading
from typing import TextIO

from ._running import Held, running


def report_threads(file: TextIO) -> None:
    """Write the tracebacks of all threads to `file`, each with the request that it holds."""
    import traceback

    held = {each.ident: each for each in running.snapshot()}
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for ident, frame in sys._current_frames().items():
        name = names.get(ident, "request")
        doing = _holds(held.get(ident)) or (", idle" if name == "pool" else "")
        file.write(f"thread {ident} ({name}){doing}:\n")
        file.write("".join(traceback.format_stack(frame)))
    file.flush()


def _holds(held: Held | None) -> str:
    return f", for {held.age:.3f} s in {held.task.describe()}" if held else ""

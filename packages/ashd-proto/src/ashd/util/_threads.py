"""The threads that this library starts for itself.

They wait for children and for slow clients, and don't run the program's code. So at a fork none of
them holds one of the program's locks.
"""

from __future__ import annotations

import threading


class HelperThread(threading.Thread):
    """A thread of this library's own."""


def foreign_threads() -> int:
    """Count the threads besides the calling one and this library's own."""
    current = threading.current_thread()
    return sum(
        thread is not current and not isinstance(thread, HelperThread)
        for thread in threading.enumerate()
    )

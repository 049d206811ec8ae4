"""The threads that this library starts for itself.

They wait for children and for slow clients, and run no code of the program's. So they don't count
as threads that could hold a lock of the program's at a fork.
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

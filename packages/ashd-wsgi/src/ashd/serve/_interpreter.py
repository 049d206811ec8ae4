"""What the interpreter lets threads do."""

from __future__ import annotations

import sys


def has_interpreter_lock() -> bool:
    """Tell whether one thread runs at a time.

    An extension module that is imported may turn the lock on: ask when the application is loaded.
    """
    return bool(getattr(sys, "_is_gil_enabled", lambda: True)())

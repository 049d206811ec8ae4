"""The built-in object `prompts`: interrupts code that runs at a prompt of this process.

A prompt that runs a command is entered by its server under a name, `PROCESS.THREAD` (the numbers
`os.getpid()` and `threading.get_ident()` have there, so that a client can ask for them), and taken
out after it. Any thread may use this module.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ._objects import Functions

_running: dict[str, Callable[[], bool]] = {}


@contextmanager
def running_prompt(interrupt: Callable[[], bool]) -> Iterator[None]:
    """For the server: this thread runs a command, and `interrupt` ends it, from another thread."""
    name = f"{os.getpid()}.{threading.get_ident()}"
    _running[name] = interrupt
    try:
        yield
    finally:
        _running.pop(name, None)


def interrupt(name: str) -> bool:
    """Raise KeyboardInterrupt in the command that runs at the prompt of that name. False when none
    does.

    Code that waits inside a system call or a C function gets it when that returns.
    """
    found = _running.get(name)
    return found is not None and found()


os.register_at_fork(after_in_child=_running.clear)
prompts: Functions = Functions(interrupt=interrupt)

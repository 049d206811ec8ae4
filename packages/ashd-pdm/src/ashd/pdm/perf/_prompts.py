"""The built-in object `prompts`: interrupts code that runs at a prompt of this process.

A prompt that runs a command is entered by its server under a name, `PROCESS.THREAD` (the numbers
`os.getpid()` and `threading.get_ident()` have there, so that a client can ask for them), and taken
out after it. Any thread may use this module.
"""

from __future__ import annotations

import os
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ._objects import Functions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_lock = threading.Lock()  # for _running
_running: dict[str, Callable[[], bool]] = {}


@contextmanager
def running_prompt(interrupt: Callable[[], bool]) -> Iterator[None]:
    """For the server: this thread runs a command, and `interrupt` ends it, from another thread."""
    name = f"{os.getpid()}.{threading.get_ident()}"
    with _lock:
        _running[name] = interrupt
    try:
        yield
    finally:
        with _lock:
            _running.pop(name, None)


def interrupt(name: str) -> bool:
    """Raise KeyboardInterrupt in the command that runs at the prompt of that name. False when none
    does.

    Code that waits inside a system call or a C function gets it when that returns.
    """
    with _lock:
        found = _running.get(name)
    return found is not None and found()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _running.clear()


os.register_at_fork(after_in_child=_after_fork)

prompts = Functions(interrupt=interrupt)

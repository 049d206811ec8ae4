"""Ends code that runs in a thread, when its client has left.

The interpreter raises an exception in the thread, at its next bytecode (PyThreadState_SetAsyncExc);
so code that loops is ended, and code that waits inside a system call or a C function is ended when
that returns. Code that catches the exception gets it again.
"""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Callable

AGAIN = 0.1
"""Seconds between two tries. Code that cleans up after the first one has that long."""


class Interrupted(BaseException):
    """Raised in REPL code whose client has left. `except Exception` doesn't catch it."""


class Interruptible:
    """Runs functions in one thread, so that another can interrupt them. `wake` is called each time,
    for code that waits where no exception reaches it.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._lock = threading.Lock()  # for _ident, and the exception that is set for it
        self._ident: int | None = None
        self._over = threading.Event()

    def run(self, function: Callable[[], bool]) -> bool | None:
        """Call `function`, and return its value; None when KeyboardInterrupt came out of it.
        `Interrupted` may be raised, but not later.
        """
        self._over.clear()
        begun = settled = False
        value: bool | None = None
        interrupted: Interrupted | None = None
        while True:
            try:  # all calls are in here, for an exception may be raised at any of them
                if not begun:
                    begun = True
                    self._ident = threading.get_ident()
                    value = function()
                with self._lock:
                    self._ident = None
                    if not settled:  # what may be pending gives way to one that arrives here
                        settled = True
                        _set_exception(threading.get_ident(), KeyboardInterrupt)
                        while True:
                            pass
                break
            except KeyboardInterrupt:  # the function didn't get as far as catching it
                pass
            except Interrupted as exc:
                interrupted = exc
        self._over.set()
        if interrupted is not None:
            raise interrupted
        return value

    def interrupt_once(self) -> bool:
        """From another thread: raise KeyboardInterrupt in what runs. False when nothing does."""
        return self._raise(KeyboardInterrupt)

    def interrupt(self) -> None:
        """From another thread: interrupt what runs, if anything does, until it is over."""
        while self._raise(Interrupted):
            self._over.wait(AGAIN)

    def _raise(self, kind: type[BaseException]) -> bool:
        with self._lock:
            if self._ident is None:
                return False
            _set_exception(self._ident, kind)
        self._wake()
        return True


def _set_exception(ident: int, kind: type[BaseException]) -> None:
    """Set what a thread is to raise, in place of what is pending. It must arrive: setting none
    leaves the interpreter looking for it for ever, and up to 3.11 what is profiled then hangs.
    """
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(ident), ctypes.py_object(kind))

"""What a process that the application forks must not have of ours: signals, descriptors, requests.

It runs the application's code with our memory. Without this it would ignore SIGTERM as we do, tell
our parent that we leave, keep clients waiting for the end of responses that only we can end, and
serve requests when the application's code returns. Programs that are started (fork and exec) are
not concerned: our descriptors are closed there by the kernel.

Everything here is called in the main thread, except for the functions that run at a fork.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], object]

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
"""Those that wait while a process is being forked: one that is meant for the child must not run our
handlers there, nor wake us by the descriptor that both have for an instant."""

_handlers: dict[int, Handler] = {}
_functions: list[Callable[[], object]] = []
_masks = threading.local()  # of the thread that forks: its blocked signals, what stands for it

_threads: dict[int, threading.Thread] = getattr(threading, "_active", {})
_StandIn = getattr(threading, "_DummyThread", None)


def handle_signal(number: int, handler: Handler) -> None:
    """Call `handler` on a signal in this process, but not in those that it forks."""
    signal.signal(number, handler)
    _handlers[number] = handler


def leave_behind(function: Callable[[], object]) -> Callable[[], object]:
    """Call `function` in each process that is forked; it closes what belongs to us.

    Returns the function, by which `keep_no_more` finds it.
    """
    _functions.append(function)
    return function


def keep_no_more(function: Callable[[], object]) -> None:
    """Undo `leave_behind`, if the function is still there."""
    if function in _functions:
        _functions.remove(function)


def _before() -> None:
    _masks.previous = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    _masks.stand_in = _take_out_stand_in()


def _take_out_stand_in() -> threading.Thread | None:
    """Take out what stands for the calling thread if `threading` hasn't started it.

    It can't be the main thread of a child: until Python 3.11.8 and 3.12.2 the end of a process of
    `multiprocessing` fails with it, without a word. So a child makes a new one.
    """
    found: threading.Thread | None = _threads.get(threading.get_ident())
    if type(found) is not _StandIn:
        return None
    return _threads.pop(threading.get_ident(), None)


def _in_parent() -> None:
    if _masks.stand_in is not None:
        _threads[threading.get_ident()] = _masks.stand_in
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.previous)


def _in_child() -> None:
    ours = [number for number in _handlers if signal.getsignal(number) is _handlers[number]]
    for number in ours:
        signal.signal(number, signal.SIG_DFL)
    if _handlers:
        signal.set_wakeup_fd(-1)
    _handlers.clear()
    while _functions:
        _functions.pop()()
    signal.pthread_sigmask(signal.SIG_SETMASK, _masks.previous)
    if signal.SIGINT in ours:  # last: a KeyboardInterrupt in this function would be lost
        signal.signal(signal.SIGINT, signal.default_int_handler)


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)

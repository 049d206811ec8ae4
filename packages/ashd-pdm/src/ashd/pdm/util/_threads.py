"""What all threads are doing, as plain data, and what each works on, as far as somebody knows.

Called from any thread, the server's as a rule. Taking the stacks stops nobody for longer than it
takes to copy them.
"""

from __future__ import annotations

import linecache
import re
import sys
import threading
import traceback
from collections.abc import Callable, Mapping
from itertools import takewhile
from types import FrameType
from typing import cast

from .._records import Request, Stack, Thread

Finder = Callable[[int], Mapping[str, object] | None]

MAX_FRAMES = 500
"""Frames of one stack; a recursion that is deeper is cut at its outer end."""

POOLS = {"pool"}
"""Names of threads that serve requests, one after another."""

_PLUMBING = re.compile(
    r".*[/\\]ashd[/\\](dirplex|htparser|pdm[/\\]srv|proto|serve|util|wsgi|wsgidir)[/\\].*"
    r"|.*[/\\]bin[/\\](ashd-\w+|scgi-wsgi)|.*\bfrozen runpy>|.*[/\\]runpy\.py"
    rf"|{re.escape(threading.__file__)}"
)
"""Files whose frames say nothing about what a thread works on."""

_finders: list[Finder] = []


def add_finder(finder: Finder) -> None:
    """Let `finder` say what a thread works on.

    It is called with the ident of a thread, from any thread, and returns plain data (of a request:
    `method`, `url`, `age` in seconds), or None when it doesn't know.
    """
    _finders.append(finder)


def remove_finder(finder: Finder) -> None:
    """Undo `add_finder`; ValueError when it was not added."""
    if finder not in _finders:
        raise ValueError("this finder was not added")
    _finders.remove(finder)


def work_of(ident: int) -> dict[str, object] | None:
    """Return what the thread works on, or None. A finder that raises doesn't know."""
    for finder in tuple(_finders):
        try:
            found = finder(ident)
        except Exception:
            continue
        if found is not None:
            return dict(found)
    return None


def stack_of(frame: FrameType | None) -> Stack:
    """Return (file, line, function, source line) for each frame, outermost first."""
    found: Stack = []
    while frame is not None and len(found) < MAX_FRAMES:
        code = frame.f_code
        line = frame.f_lineno or code.co_firstlineno
        source = linecache.getline(code.co_filename, line, frame.f_globals).strip()
        found.append((code.co_filename, line, code.co_qualname, source))
        frame = frame.f_back
    found.reverse()
    return found


def count_plumbing(stack: Stack) -> int:
    """Return how many frames at the outer end belong to this server, or start a thread."""
    return sum(1 for _ in takewhile(lambda frame: _PLUMBING.fullmatch(frame[0]), stack))


def describe_threads() -> list[Thread]:
    """Return all threads, with their stacks and what each works on."""
    known = {thread.ident: thread for thread in threading.enumerate()}
    return [
        _describe(ident, known.get(ident), frame) for ident, frame in sys._current_frames().items()
    ]


def _describe(ident: int, thread: threading.Thread | None, frame: FrameType) -> Thread:
    stack = stack_of(frame)
    return {
        "ident": ident,
        "native_id": thread.native_id if thread else None,
        "name": thread.name if thread else f"thread-{ident}",
        "daemon": thread.daemon if thread else None,
        "request": cast("Request | None", work_of(ident)),
        "stack": stack,
        "plumbing": count_plumbing(stack),
    }


def format_threads() -> str:
    """Return the stacks of all threads as text, as a traceback shows them."""
    return "\n".join(_format(thread) for thread in describe_threads())


def _format(thread: Thread) -> str:
    work = "".join(f" {key}={value}" for key, value in (thread["request"] or {}).items())
    name = "idle" if is_idle(thread) else thread["name"]
    hidden, stack = fold(thread)
    folded = f"  ({hidden} frames of the server)\n" if hidden else ""
    frames = "".join(traceback.format_list(stack))
    return f"Thread {name} ({thread['ident']}){work}:\n{folded}{frames}"


def fold(thread: Thread) -> tuple[int, Stack]:
    """Return how many frames of a thread needn't be shown, and the others, at least the last."""
    stack = thread["stack"]
    hidden = min(thread.get("plumbing", 0), len(stack) - 1)
    return (hidden, stack[hidden:]) if hidden > 1 else (0, stack)


def is_idle(thread: Thread) -> bool:
    """Whether a described thread is one of the server's that has no request and waits for one."""
    return (
        thread["name"] in POOLS
        and thread["request"] is None
        and thread.get("plumbing", 0) >= len(thread["stack"])
    )

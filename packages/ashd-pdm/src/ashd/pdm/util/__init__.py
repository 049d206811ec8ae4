"""Helpers for looking at threads and tracebacks, of use without a server, too.

All functions can be called from any thread.
"""

from ashd.pdm.util._threads import (
    Finder,
    add_finder,
    describe_threads,
    fold,
    format_threads,
    is_idle,
    remove_finder,
    stack_of,
    work_of,
)

__all__ = [
    "Finder",
    "add_finder",
    "describe_threads",
    "fold",
    "format_threads",
    "is_idle",
    "remove_finder",
    "stack_of",
    "work_of",
]

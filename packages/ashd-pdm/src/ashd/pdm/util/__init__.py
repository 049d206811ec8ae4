"""Helpers for looking at threads and tracebacks, of use without a server, too.

All functions can be called from any thread.
"""

from ._threads import (
    POOLS,
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
    "POOLS",
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

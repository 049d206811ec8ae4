"""Many cases in one test, where a reader cares about the rule and not about each case."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def about(name: str) -> Iterator[None]:
    """Say in a failure which case it was."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"with {name}")
        raise

"""A plugin of coverage, which traces threads that `_thread` starts as those that `threading` does.

The model `free` starts its threads so. Named in pyproject.toml; loaded in every measured process.
"""

from __future__ import annotations

import _thread
import sys
import threading
from collections.abc import Callable
from typing import Any


def coverage_init(_registry: object, _options: object) -> None:
    """Replace the function that starts threads, before our modules import it."""
    start = _thread.start_new_thread

    class StartTraced:
        """A class, as `ashd-wsgi` refuses functions that take the place of Python's own."""

        def __new__(cls, function: Callable[..., object], *arguments: Any) -> int:  # type: ignore[misc]
            return start(_traced, (function, *arguments))

    _thread.start_new_thread = StartTraced


def _traced(
    function: Callable[..., object],
    arguments: tuple[Any, ...],
    keywords: dict[str, Any] = {},  # noqa: B006
) -> None:
    sys.settrace(threading.gettrace())
    function(*arguments, **keywords)

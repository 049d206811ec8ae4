"""The built-in object `threads`: stacks of all threads."""

from __future__ import annotations

from typing import Any

from .._records import Thread
from ..util import describe_threads, format_threads
from ._objects import Attribute


class Threads(Attribute[list[Thread]]):
    """Readable, with the methods `stack(ident)` and `text()`."""

    def __init__(self) -> None:
        super().__init__(
            describe_threads, "All threads, with their stacks and the request that each one holds"
        )

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["attr", "invoke"]

    def invoke(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Implement `Invokable`."""
        if method == "stack":
            return _thread(*args, **kwargs)
        if method == "text":
            return format_threads()
        raise AttributeError(f"no method {method!r}; there are: stack, text")


def _thread(ident: int) -> Thread | None:
    """The thread of that ident, or None when it has ended."""
    return next((found for found in describe_threads() if found["ident"] == ident), None)


threads = Threads()

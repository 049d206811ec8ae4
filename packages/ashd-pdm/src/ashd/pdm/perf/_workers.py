"""The built-in object `workers`: the worker processes that are reached through this process.

A server with worker processes (`ashd.pdm.srv.Workers`) shows its own object under this name; in a
process without any this one stands for none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ._objects import EventSource

PARENT = "parent"
"""The name of the listening process itself."""


class WorkersObject(EventSource):
    """A directory of names only, and a source of events: the name of each worker that is added.

    Clients reach a worker through a connection of its own, which they ask for in the line that
    names the protocol: `@NAME perf`.
    """

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["dir", "event"]

    def listdir(self) -> Sequence[str]:
        """Return the workers that run, and `parent`; nothing in a process that has no workers."""
        return []

    def lookup(self, name: str) -> Any:
        """Raise KeyError: the objects of a worker are in that worker."""
        raise KeyError(name)


workers = WorkersObject()

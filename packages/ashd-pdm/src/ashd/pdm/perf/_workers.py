"""The built-in object `workers`: the worker processes that are reached through this process."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ._objects import EventSource
from ._registry import objects

PARENT = "parent"
"""The name of the listening process itself."""


class WorkersObject(EventSource):
    """A directory of the names that `names` returns, and a source of events: the name of each
    worker that is added.

    Clients reach a worker through a connection of its own, which they ask for in the line that
    names the protocol: `@NAME perf`.
    """

    def __init__(self, names: Callable[[], Sequence[str]] = list) -> None:
        super().__init__()
        self.listdir = names

    def pdm_protocols(self) -> list[str]:
        """Return `["dir", "event"]`."""
        return ["dir", "event"]

    def lookup(self, name: str) -> object:
        """Return the objects of the listening process; those of a worker are in that worker."""
        if name == PARENT and name in self.listdir():
            return objects
        raise KeyError(name)


workers: WorkersObject = WorkersObject()
"""That of a process without any; servers that have some (`ashd.pdm.srv.Workers`) show their own."""

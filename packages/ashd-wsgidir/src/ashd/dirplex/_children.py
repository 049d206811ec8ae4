"""The persistent handler programs, by the stanza that declares each. Used by one thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ashd.proto import Request
from ashd.util import PersistentChild

from ._config import Handler

Refuse = Callable[[Request, Exception], None]
"""Answers a request that waited for a child in vain; called in another thread."""


class Children:
    """All persistent children, by the configuration file and the name of their stanza."""

    def __init__(self, refuse: Refuse) -> None:
        self._refuse = refuse
        self._children: dict[tuple[str, str], PersistentChild] = {}

    def get(self, handler: Handler, cwd: str) -> PersistentChild:
        """Return the child of a `child` stanza; it starts in `cwd`, when it is first needed."""
        key = (handler.origin, handler.name)
        child = self._children.get(key)
        if child is None:
            child = PersistentChild(handler.argv, cwd=cwd, refuse=self._refuse)
            self._children[key] = child
        child.argv = list(handler.argv)  # the stanza may have changed since the child was started
        return child

    def keep(self, file: str, handlers: Mapping[str, Handler]) -> None:
        """Let those children finish that are no longer among a configuration file's handlers."""
        for key in [key for key in self._children if key[0] == file]:
            handler = handlers.get(key[1])
            if handler is None or not handler.persistent:
                self._children.pop(key).close()

    def finish(self) -> None:
        """Let all children finish: at the end of the program."""
        for child in self._children.values():
            child.close()

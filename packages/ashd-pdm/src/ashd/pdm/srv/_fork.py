"""In a process that is forked off, copies of descriptors are closed: they belong to its parent."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Owner(Protocol):
    """Something that owns descriptors."""

    def forget(self) -> None:
        """In a new child process: close the copies. No other thread runs."""


_owners: weakref.WeakSet[Owner] = weakref.WeakSet()
forget_after_fork = _owners.add


def _after_fork() -> None:
    for owner in list(_owners):
        owner.forget()


os.register_at_fork(after_in_child=_after_fork)

"""What an object has to implement to be looked at over PERF. The names are those of the wire.

An object says with `pdm_protocols()` which of the four it has. Deriving from these classes is
convenient, not needed. The methods are called from the threads of the server, one for each client,
at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from ._wire import AttrInfo

PROTOCOLS = ("attr", "dir", "invoke", "event")

Callback = Callable[[Any], None]
"""Is called with an event."""


@runtime_checkable
class PerfObject(Protocol):
    """Any object that can be bound."""

    def pdm_protocols(self) -> list[str]:
        """Return those of `attr`, `dir`, `invoke` and `event` that the object implements."""


@runtime_checkable
class Readable(Protocol):
    """Protocol `attr`: a value that can be read."""

    def readattr(self) -> object:
        """Return the value: plain data, or objects of `ashd.pdm.perf`."""

    def attrinfo(self) -> AttrInfo:
        """Return what the value means, and its unit."""


@runtime_checkable
class Listable(Protocol):
    """Protocol `dir`: objects by name."""

    def lookup(self, name: str) -> object:
        """Return the object of that name; KeyError when there is none."""

    def listdir(self) -> Sequence[str]:
        """Return the names."""


@runtime_checkable
class Invokable(Protocol):
    """Protocol `invoke`: methods that can be called."""

    def invoke(self, method: str, *args: Any, **kwargs: Any) -> object:
        """Call a method with plain data and return such; AttributeError if there is none."""


@runtime_checkable
class Subscribable(Protocol):
    """Protocol `event`: something that tells when things happen."""

    def subscribe(self, callback: Callback) -> None:
        """Call `callback`, which returns at once, with each event, in the event's thread."""

    def unsubscribe(self, callback: Callback) -> None:
        """Stop; ValueError when that callback is not subscribed."""

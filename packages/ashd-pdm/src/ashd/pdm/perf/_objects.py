"""Ready-made objects: an attribute, a directory, functions, a source of events.

They are made by the daemon, at module level as a rule, and used from the threads of the server.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from ._interfaces import Callback
from ._wire import AttrInfo

T = TypeVar("T")
_log = logging.getLogger("ashd.pdm")


class Attribute(Generic[T]):
    """An attribute that is read by calling a function, in a thread of the server."""

    def __init__(
        self, read: Callable[[], T], desc: str | AttrInfo | None = None, *, merge: str | None = None
    ) -> None:
        self._read = read
        self._info = desc if isinstance(desc, AttrInfo) else AttrInfo(desc, merge)

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["attr"]

    def readattr(self) -> T:
        """Implement `Readable`."""
        return self._read()

    def attrinfo(self) -> AttrInfo:
        """Implement `Readable`."""
        return self._info


class Value(Attribute[T]):
    """An attribute that holds a value: set `value` at any time, from any thread."""

    def __init__(
        self, value: T, desc: str | AttrInfo | None = None, *, merge: str | None = None
    ) -> None:
        super().__init__(lambda: self.value, desc, merge=merge)
        self.value = value


class _Names(Generic[T]):
    """Things by name. Names may be added and removed from any thread: a dict can take that."""

    def __init__(self, named: dict[str, T]) -> None:
        self._named = named

    def __setitem__(self, name: str, value: T) -> None:
        """Add something, or replace what has that name."""
        self._named[name] = value

    def __delitem__(self, name: str) -> None:
        """Take out what has that name; KeyError when there is none."""
        del self._named[name]


class Directory(_Names[Any]):
    """Objects by name. Names may be added and removed from any thread."""

    def __init__(self, objects: dict[str, Any] | None = None) -> None:
        super().__init__(dict(objects or {}))

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["dir"]

    def listdir(self) -> Sequence[str]:
        """Implement `Listable`."""
        return list(self._named)

    def lookup(self, name: str) -> Any:
        """Implement `Listable`."""
        return self._named[name]

    def __getitem__(self, name: str) -> Any:
        """Return the object of that name; KeyError when there is none."""
        return self.lookup(name)


class Functions(_Names[Callable[..., object]]):
    """Functions by name, for `invoke`. Names may be added and removed from any thread."""

    def __init__(self, **functions: Callable[..., object]) -> None:
        super().__init__(functions)

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["invoke"]

    def invoke(self, method: str, *args: object, **kwargs: object) -> Any:
        """Implement `Invokable`."""
        function = self._named.get(method)
        if function is None:
            known = ", ".join(list(self._named))
            raise AttributeError(f"no method {method!r}; there are: {known}")
        return function(*args, **kwargs)


class EventSource:
    """A source of events. `notify` gives one to all who subscribed; it never blocks and never
    raises.

    With no subscriber that is a call and one look at an empty tuple. Callers that have to work for
    making an event ask `wanted` first.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()  # for changes of _callbacks
        self._callbacks: tuple[Callback, ...] = ()

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["event"]

    def __bool__(self) -> bool:
        """Whether anybody has subscribed."""
        return bool(self._callbacks)

    def wanted(self, count: int = 1) -> bool:
        """Whether anybody would take an event now, so that it is worth making.

        If not, because all who subscribed are too slow, they are told later that they have missed
        `count` events.
        """
        callbacks = self._callbacks
        for callback in callbacks:
            if not getattr(callback, "is_full", bool)():  # few can say so
                return True
        for callback in callbacks:
            callback.lose(count)  # type: ignore[attr-defined]
        return False

    def subscribe(self, callback: Callback) -> None:
        """Implement `Subscribable`."""
        with self._lock:
            self._callbacks = (*self._callbacks, callback)

    def unsubscribe(self, callback: Callback) -> None:
        """Implement `Subscribable`."""
        with self._lock:
            if callback not in self._callbacks:
                raise ValueError("this callback is not subscribed")
            kept = list(self._callbacks)
            kept.remove(callback)
            self._callbacks = tuple(kept)

    def notify(self, event: object) -> None:
        """Give `event` to every subscriber. It must not be changed afterwards."""
        for callback in self._callbacks:
            try:
                callback(event)
            except Exception:
                _log.exception("a subscriber failed")

"""The protocol `perf`: objects are bound to the client's ids, looked at, called and subscribed to.

One thread reads requests and answers them, one after another; the first subscription starts a
second one, which sends events.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from .._limits import SERVER_PICKLES, Limits
from .._messages import LengthError, answer, failure, read_message
from .._pickles import load
from .._stream import Stream
from ..perf import error, nosuchname, nosuchproto
from ..perf._call import calling
from ..perf._registry import protocols_of
from ._events import EventSender, Subscription

_Values = tuple[object, ...]
"""What follows the `+` of an answer."""


@dataclass(slots=True)
class _Bound:
    obj: Any
    protocols: list[str]
    callback: Subscription | None = None


class PerfConnection:
    """Serves a client until it leaves. The stream is the caller's; `bind` finds objects."""

    def __init__(self, stream: Stream, limits: Limits, bind: Callable[[str, str], object]) -> None:
        self._stream = stream
        self._limits = limits
        self._find = bind
        self._bound: dict[object, _Bound] = {}
        self._events: EventSender | None = None
        self._actions: list[Callable[[], None]] = []

    def serve(self) -> None:
        """Answer requests. Returns when the connection is over."""
        try:
            self._stream.send(b"+PERF1\n")
            while (body := self._read()) is not None:
                self._stream.send(self._answer(body))
                actions, self._actions = self._actions, []
                for action in actions:
                    action()
        finally:
            for ident in list(self._bound):
                self._forget(ident)
            if self._events is not None:
                self._events.stop()

    def _read(self) -> bytes | None:
        try:
            return read_message(self._stream, self._limits.message, self._limits.message_timeout)
        except LengthError as exc:
            self._stream.send(failure(exc, self._limits.message))
            raise

    def _answer(self, body: bytes) -> bytes:
        try:
            with calling(self):
                return answer(self._call(body), self._limits.message)
        except BaseException as exc:
            return failure(exc, self._limits.message)

    def _call(self, body: bytes) -> _Values:
        request = load(body, SERVER_PICKLES)
        if not (isinstance(request, tuple) and request and isinstance(request[0], str)):
            raise error("a request is a tuple that starts with its name")
        name, *args = request
        if name not in _REQUESTS:
            raise error(f"no request {name[:100]!r}; there are: {', '.join(_REQUESTS)}")
        method, *kinds = _REQUESTS[name]
        if len(args) != len(kinds) or not all(
            _KINDS[kind](arg) for kind, arg in zip(kinds, args, strict=True)
        ):
            raise error(f"the request {name!r} takes: {', '.join(kinds)}")
        values: _Values = method(self, *args)
        return values

    # The caller of objects' methods

    def wait_left(self, seconds: float) -> bool:
        """Implement `Caller`."""
        return self._stream.wait_closed(seconds, half=True)

    def after_reply(self, action: Callable[[], None]) -> None:
        """Implement `Caller`."""
        self._actions.append(action)

    # Requests

    def get(self, ident: object, protocol: str | None = None) -> _Bound:
        """Return what is bound to an id, and has the protocol."""
        found = self._bound.get(ident)
        if found is None:
            raise nosuchname("no object is bound to this id")
        if protocol and protocol not in found.protocols:
            raise nosuchproto(f"the object doesn't have the protocol {protocol}")
        return found

    def _set(self, ident: object, obj: object) -> _Values:
        bound = _Bound(obj, protocols_of(obj))
        if ident in self._bound:
            self._forget(ident)
        elif len(self._bound) >= self._limits.bound:
            raise error(
                f"{self._limits.bound} objects are bound, and that is the limit; unbind some"
            )
        self._bound[ident] = bound
        return (bound.protocols,)

    def _forget(self, ident: object) -> None:
        bound = self._bound.pop(ident)
        if bound.callback is not None:
            with suppress(Exception):
                bound.obj.unsubscribe(bound.callback)

    def bind(self, ident: object, module: str, name: str) -> _Values:
        return self._set(ident, self._find(module, name))

    def unbind(self, ident: object) -> _Values:
        self.get(ident)
        self._forget(ident)
        return ()

    def lookup(self, new: object, ident: object, name: str) -> _Values:
        directory = self.get(ident, "dir").obj
        try:
            found = directory.lookup(name)
        except KeyError as exc:
            raise nosuchname(f"{name[:100]}: no such name in this directory") from exc
        return self._set(new, found)

    def subs(self, ident: object) -> _Values:
        bound = self.get(ident, "event")
        if bound.callback is not None:
            raise ValueError("this object is subscribed already")
        if self._events is None:
            self._events = EventSender(self._stream, self._limits)
        callback = Subscription(self._events, ident)
        bound.obj.subscribe(callback)
        bound.callback = callback
        return ()

    def unsubs(self, ident: object) -> _Values:
        bound = self.get(ident, "event")
        if bound.callback is None:
            raise ValueError("this object is not subscribed")
        callback, bound.callback = bound.callback, None
        bound.obj.unsubscribe(callback)
        return ()


def _of(protocol: str, call: Callable[..., object]) -> Callable[..., _Values]:
    """A request that is answered by a method of the object."""
    return lambda connection, ident, *args: (call(connection.get(ident, protocol).obj, *args),)


_KINDS: dict[str, Callable[[object], bool]] = {
    "id": lambda arg: isinstance(arg, Hashable),
    "str": lambda arg: isinstance(arg, str),
    "list": lambda arg: isinstance(arg, tuple | list),
    "dict": lambda arg: isinstance(arg, dict) and all(isinstance(name, str) for name in arg),
}
_REQUESTS: dict[str, tuple[Any, ...]] = {
    "bind": (PerfConnection.bind, "id", "str", "str"),
    "unbind": (PerfConnection.unbind, "id"),
    "lookup": (PerfConnection.lookup, "id", "id", "str"),
    "ls": (_of("dir", lambda obj: list(obj.listdir())), "id"),
    "readattr": (_of("attr", lambda obj: obj.readattr()), "id"),
    "attrinfo": (_of("attr", lambda obj: obj.attrinfo()), "id"),
    "invoke": (
        _of("invoke", lambda obj, name, args, kwargs: obj.invoke(name, *args, **kwargs)),
        *("id", "str", "list", "dict"),
    ),
    "subs": (PerfConnection.subs, "id"),
    "unsubs": (PerfConnection.unsubs, "id"),
}
"""What answers a request, and the kinds of its arguments."""

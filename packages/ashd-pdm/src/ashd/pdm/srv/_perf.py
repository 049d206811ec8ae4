"""The protocol `perf`: objects are bound to the client's ids, looked at, called and subscribed to.

One thread reads requests and answers them, one after another; the first subscription starts a
second one, which sends events.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, NamedTuple

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


class _Bound(NamedTuple):
    obj: Any
    protocols: list[str]


class PerfConnection:
    """Serves a client until it leaves. The stream is the caller's; `bind` finds objects."""

    def __init__(self, stream: Stream, limits: Limits, bind: Callable[[str, str], object]) -> None:
        self._stream = stream
        self._limits = limits
        self._find = bind
        self._bound: dict[object, _Bound] = {}
        self._subscribed: dict[object, Subscription] = {}
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
        method, kinds = _REQUESTS[name]
        if len(args) != len(kinds) or not all(
            isinstance(arg, _KINDS[kind]) for arg, kind in zip(args, kinds, strict=True)
        ):
            raise error(f"the request {name!r} takes: {', '.join(kinds)}")
        return method(self, *args)

    # The caller of objects' methods

    def wait_left(self, seconds: float) -> bool:
        """Implement `Caller`."""
        return self._stream.wait_closed(seconds, half=True)

    def after_reply(self, action: Callable[[], None]) -> None:
        """Implement `Caller`."""
        self._actions.append(action)

    # Requests

    def _get(self, ident: object, protocol: str | None = None) -> Any:
        found = self._bound.get(_as_key(ident))
        if found is None:
            raise nosuchname("no object is bound to this id")
        if protocol is not None and protocol not in found.protocols:
            raise nosuchproto(f"the object doesn't have the protocol {protocol}")
        return found.obj

    def _set(self, ident: object, obj: object) -> _Values:
        bound = _Bound(obj, protocols_of(obj))
        if _as_key(ident) in self._bound:
            self._forget(ident)
        elif len(self._bound) >= self._limits.bound:
            raise error(
                f"{self._limits.bound} objects are bound, and that is the limit; unbind some"
            )
        self._bound[ident] = bound
        return (bound.protocols,)

    def _forget(self, ident: object) -> None:
        bound = self._bound.pop(ident)
        callback = self._subscribed.pop(ident, None)
        if callback is not None:
            with suppress(Exception):
                bound.obj.unsubscribe(callback)

    def bind(self, ident: object, module: str, name: str) -> _Values:
        return self._set(ident, self._find(module, name))

    def unbind(self, ident: object) -> _Values:
        self._get(ident)
        self._forget(ident)
        return ()

    def lookup(self, new: object, ident: object, name: str) -> _Values:
        directory = self._get(ident, "dir")
        try:
            found = directory.lookup(name)
        except KeyError as exc:
            raise nosuchname(f"{name[:100]}: no such name in this directory") from exc
        return self._set(new, found)

    def ls(self, ident: object) -> _Values:
        return (list(self._get(ident, "dir").listdir()),)

    def readattr(self, ident: object) -> _Values:
        return (self._get(ident, "attr").readattr(),)

    def attrinfo(self, ident: object) -> _Values:
        return (self._get(ident, "attr").attrinfo(),)

    def invoke(
        self, ident: object, method: str, args: list[object], kwargs: dict[str, object]
    ) -> _Values:
        if not all(isinstance(name, str) for name in kwargs):
            raise error("the names of keyword arguments are texts")
        return (self._get(ident, "invoke").invoke(method, *args, **kwargs),)

    def subs(self, ident: object) -> _Values:
        source = self._get(ident, "event")
        if ident in self._subscribed:
            raise ValueError("this object is subscribed already")
        if self._events is None:
            self._events = EventSender(self._stream, self._limits)
        callback = Subscription(self._events, ident, self._limits.queued_events)
        source.subscribe(callback)
        self._subscribed[ident] = callback
        return ()

    def unsubs(self, ident: object) -> _Values:
        source = self._get(ident, "event")
        if ident not in self._subscribed:
            raise ValueError("this object is not subscribed")
        source.unsubscribe(self._subscribed.pop(ident))
        return ()


def _as_key(ident: object) -> object:
    try:
        hash(ident)
    except TypeError:
        raise error("an id is a number, a text, or another value that can be a key") from None
    return ident


_KINDS: dict[str, type | tuple[type, ...]] = {
    "id": object,
    "str": str,
    "tuple": (tuple, list),
    "dict": dict,
}
_REQUESTS: dict[str, tuple[Callable[..., _Values], tuple[str, ...]]] = {
    "bind": (PerfConnection.bind, ("id", "str", "str")),
    "unbind": (PerfConnection.unbind, ("id",)),
    "lookup": (PerfConnection.lookup, ("id", "id", "str")),
    "ls": (PerfConnection.ls, ("id",)),
    "readattr": (PerfConnection.readattr, ("id",)),
    "attrinfo": (PerfConnection.attrinfo, ("id",)),
    "invoke": (PerfConnection.invoke, ("id", "str", "tuple", "dict")),
    "subs": (PerfConnection.subs, ("id",)),
    "unsubs": (PerfConnection.unsubs, ("id",)),
}

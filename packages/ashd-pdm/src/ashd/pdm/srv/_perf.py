"""The protocol `perf`: objects are bound to the client's ids, looked at, called and subscribed to.

One thread reads requests and answers them, one after another; the first subscription starts a
second one, which sends events.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .._errors import ConnectionLost, ProtocolError, RefusedPickle
from .._frames import HEADER_SIZE, body_length
from .._limits import SERVER_PICKLES, Limits
from .._pickles import load
from ..perf import LostEvents, error, nosuchname, nosuchproto
from ..perf._call import calling
from ._answers import answer, event_message, failure
from ._binding import Binder, protocols_of
from ._events import EventQueue, Subscription

if TYPE_CHECKING:
    from .._stream import Stream


@dataclass(frozen=True, slots=True)
class _Bound:
    obj: Any
    protocols: list[str]

    def needs(self, protocol: str) -> Any:
        if protocol not in self.protocols:
            raise nosuchproto(f"the object doesn't have the protocol {protocol}")
        return self.obj


class PerfConnection:
    """Serves one client until it leaves. The stream is the caller's."""

    def __init__(self, stream: Stream, limits: Limits, bind: Binder) -> None:
        self._stream = stream
        self._limits = limits
        self._bind = bind
        self._bound: dict[Any, _Bound] = {}
        self._subscribed: dict[Any, Callable[[Any], None]] = {}
        self._events: EventQueue | None = None
        self._actions: list[Callable[[], None]] = []

    def serve(self) -> None:
        """Answer requests. Returns when the connection is over."""
        try:
            self._stream.send(b"+PERF1\n")
            while (body := self._read()) is not None:
                self._stream.send(self._answer(body))
                self._act()
        finally:
            for ident in list(self._bound):
                self._forget(ident)
            if self._events is not None:
                self._events.stop()

    def _read(self) -> bytes | None:
        timeout = self._limits.message_timeout
        header = self._stream.read_exactly(HEADER_SIZE, timeout, first=True)
        if header is None:
            return None
        try:
            length = body_length(header, self._limits.message)
        except ProtocolError as exc:
            self._stream.send(failure(error(str(exc)), most=self._limits.message))
            raise
        return self._stream.read_exactly(length, timeout)

    def _answer(self, body: bytes) -> bytes:
        try:
            with calling(self):
                return answer(*self._call(body), most=self._limits.message)
        except RefusedPickle as exc:
            return failure(error(str(exc)), most=self._limits.message)
        except BaseException as exc:
            return failure(exc, most=self._limits.message)

    def _call(self, body: bytes) -> tuple[Any, ...]:
        request = load(body, SERVER_PICKLES)
        if not (isinstance(request, tuple) and request and isinstance(request[0], str)):
            raise error("a request is a tuple that starts with its name")
        name, *args = request
        if name not in _REQUESTS:
            raise error(f"no request {name[:100]!r}; there are: {', '.join(_REQUESTS)}")
        method, kinds = _REQUESTS[name]
        if len(args) != len(kinds) or not all(map(isinstance, args, kinds)):
            wanted = ", ".join(
                "id" if kind is object else getattr(kind, "__name__", "tuple") for kind in kinds
            )
            raise error(f"the request {name!r} takes: {wanted}")
        return method(self, *args)

    # The caller of objects' methods

    def wait_left(self, seconds: float) -> bool:
        """Implement `Caller`."""
        return self._stream.wait_closed(seconds, half=True)

    def after_reply(self, action: Callable[[], None]) -> None:
        """Implement `Caller`."""
        self._actions.append(action)

    def _act(self) -> None:
        actions, self._actions = self._actions, []
        for action in actions:
            action()

    # Requests

    def _get(self, ident: Any) -> _Bound:
        found = self._bound.get(_as_key(ident))
        if found is None:
            raise nosuchname("no object is bound to this id")
        return found

    def _set(self, ident: Any, obj: Any) -> tuple[Any, ...]:
        bound = _Bound(obj, protocols_of(obj))
        if _as_key(ident) in self._bound:
            self._forget(ident)
        elif len(self._bound) >= self._limits.bound:
            raise error(
                f"{self._limits.bound} objects are bound, and that is the limit; unbind some"
            )
        self._bound[ident] = bound
        return (bound.protocols,)

    def _forget(self, ident: Any) -> None:
        bound = self._bound.pop(ident)
        callback = self._subscribed.pop(ident, None)
        if callback is not None:
            try:
                bound.obj.unsubscribe(callback)
            except Exception:
                pass

    def bind(self, ident: Any, module: str, name: str) -> tuple[Any, ...]:
        return self._set(ident, self._bind(module, name))

    def unbind(self, ident: Any) -> tuple[Any, ...]:
        self._get(ident)
        self._forget(ident)
        return ()

    def lookup(self, new: Any, ident: Any, name: str) -> tuple[Any, ...]:
        directory = self._get(ident).needs("dir")
        try:
            found = directory.lookup(name)
        except KeyError as exc:
            raise nosuchname(f"{name[:100]}: no such name in this directory") from exc
        return self._set(new, found)

    def ls(self, ident: Any) -> tuple[Any, ...]:
        return (list(self._get(ident).needs("dir").listdir()),)

    def readattr(self, ident: Any) -> tuple[Any, ...]:
        return (self._get(ident).needs("attr").readattr(),)

    def attrinfo(self, ident: Any) -> tuple[Any, ...]:
        return (self._get(ident).needs("attr").attrinfo(),)

    def invoke(self, ident: Any, method: str, args: Any, kwargs: Any) -> tuple[Any, ...]:
        if not all(isinstance(name, str) for name in kwargs):
            raise error("the names of keyword arguments are texts")
        return (self._get(ident).needs("invoke").invoke(method, *args, **kwargs),)

    def subs(self, ident: Any) -> tuple[Any, ...]:
        source = self._get(ident).needs("event")
        if ident in self._subscribed:
            raise ValueError("this object is subscribed already")
        if self._events is None:
            self._events = EventQueue(self._limits.queued_events)
            sender = threading.Thread(target=self._send_events, name="ashd-pdm-events", daemon=True)
            sender.start()
        callback = Subscription(self._events, ident)
        source.subscribe(callback)
        self._subscribed[ident] = callback
        return ()

    def unsubs(self, ident: Any) -> tuple[Any, ...]:
        source = self._get(ident).needs("event")
        if ident not in self._subscribed:
            raise ValueError("this object is not subscribed")
        source.unsubscribe(self._subscribed.pop(ident))
        return ()

    # Events, in the thread that sends them

    def _send_events(self) -> None:
        assert self._events is not None
        try:
            while (batch := self._events.take()) is not None:
                data = b"".join(self._event(ident, event) for ident, event in batch)
                lost = self._events.take_lost()
                data += b"".join(self._event(ident, LostEvents(count)) for ident, count in lost)
                self._stream.send(data)
        except ConnectionLost:
            self._stream.abort()

    def _event(self, ident: Any, event: Any) -> bytes:
        assert self._events is not None
        try:
            return event_message(ident, event, self._limits.message)
        except Exception:
            self._events.lose(ident)
            return b""


def _as_key(ident: Any) -> Any:
    try:
        hash(ident)
    except TypeError:
        raise error("an id is a number, a text, or another value that can be a key") from None
    return ident


_Method = Callable[..., tuple[Any, ...]]
_REQUESTS: dict[str, tuple[_Method, tuple[Any, ...]]] = {
    "bind": (PerfConnection.bind, (object, str, str)),
    "unbind": (PerfConnection.unbind, (object,)),
    "lookup": (PerfConnection.lookup, (object, object, str)),
    "ls": (PerfConnection.ls, (object,)),
    "readattr": (PerfConnection.readattr, (object,)),
    "attrinfo": (PerfConnection.attrinfo, (object,)),
    "invoke": (PerfConnection.invoke, (object, str, tuple | list, dict)),
    "subs": (PerfConnection.subs, (object,)),
    "unsubs": (PerfConnection.unsubs, (object,)),
}

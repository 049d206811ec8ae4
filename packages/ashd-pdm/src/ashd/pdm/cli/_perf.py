"""The client of the protocol `perf`, with proxies that have the methods of the objects."""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from .._errors import ConnectionLost, ProtocolError, RefusedPickle
from .._limits import CLIENT_PICKLES, MAX_MESSAGE
from .._messages import frame, read_message, write_request
from .._names import client_names
from .._pickles import load
from .._stream import Stream
from ..perf import AttrInfo, UnknownEvent, error, nosuchname
from ._connect import Client, Closing, connect
from ._target import Target

Callback = Callable[[Any], None]
Message = tuple[Any, ...]
Translate = Callable[[Exception], Exception]

MAX_WAITING_EVENTS = 100_000
"""Events that wait for `dispatch`; the oldest are dropped beyond that."""


class PerfClient(Client):
    """A connection for looking at objects. Use `close`, or `with`. Several threads may use it:
    requests go one after another. Events that come meanwhile wait for `dispatch`.

    `timeout` is how many seconds an answer may take, None for any time. `worker` chooses a worker
    process of a server that has several; without it, it is the process that listens (`open_perf`
    shows the objects of all). `translate` changes exceptions of the server before they are raised.
    """

    def __init__(
        self,
        target: str | Target | Stream,
        *,
        worker: str | None = None,
        timeout: float | None = None,
        translate: Translate | None = None,
    ) -> None:
        super().__init__(
            target if isinstance(target, Stream) else connect(target, "perf", worker=worker)
        )
        self.timeout: float | None = timeout
        self.call_timeout: float | None = timeout
        self.translate = translate
        self._lock = threading.RLock()  # for the stream; callbacks may ask for something
        self._ids = itertools.count(1)
        self._callbacks: dict[int, Callback] = {}
        self._events: deque[tuple[int, object]] = deque(maxlen=MAX_WAITING_EVENTS)

    # Objects

    def lookup(self, module: str, name: str) -> Proxy:
        """Return an object of an imported module; `ashd.pdm.perf.nosuchname` without one."""
        return self._bind(next(self._ids), "bind", module, name)

    def find(self, path: str) -> Proxy:
        """Return an object by `MODULE.OBJECT[/NAME]...`, as in `pdm.perf.sysres/cputime`."""
        return self._find(path, next(self._ids))

    def _find(self, path: str, ident: int) -> Proxy:
        first, *names = path.split("/")
        module, _, name = first.rpartition(".")
        if not module or not name or not all(names):
            text = "write MODULE.OBJECT[/NAME]..., as in pdm.perf.sysres/cputime"
            raise nosuchname(f"{path}: {text}")
        first_ident, *idents = [*(next(self._ids) for _ in names), ident]
        found = self._bind(first_ident, "bind", module, name)
        for part, chosen in zip(names, idents, strict=True):
            with found:
                found = self._bind(chosen, "lookup", found.ident, part)
        return found

    def _bind(self, ident: int, request: str, *args: object) -> Proxy:
        return Proxy(self, ident, self.request(request, ident, *args)[0])

    # The wire

    def request(self, *request: object) -> Message:
        """Send a request of the wire and return what its answer holds; raise what the server
        raised. `ConnectionLost` when it takes longer than `timeout` (for calls of methods:
        `call_timeout`) seconds; the client can't be used any more then.
        """
        with self._lock:
            self.begin(*request)
            return self.finish(request[0])

    def begin(self, *request: object) -> None:
        """Send a request; `finish` takes its answer. No other thread may use the client between."""
        self.stream.send(frame(write_request(request)))

    def finish(self, request: object) -> Message:
        """Return what the answer to a request of that name holds, as `request` does."""
        timeout = self.call_timeout if request == "invoke" else self.timeout
        until, reply = _deadline(timeout), None
        while reply is None:
            if not self.stream.has_input(_left(until)):
                raise ConnectionLost(f"no answer for {timeout} seconds")
            reply = self._read()
        if reply[0] == "+":
            return reply[1:]
        raised = reply[1] if len(reply) > 1 else None
        if not isinstance(raised, Exception):
            raise error(f"the server failed: {raised!r}")
        raise raised if self.translate is None else self.translate(raised)

    def _read(self) -> Message | None:
        """Return an answer, or None when it was an event."""
        body = read_message(self.stream, MAX_MESSAGE, self.timeout)
        if body is None:
            raise ConnectionLost("the server closed the connection")
        match _load(body):
            case ("+" | "-", *_) as answer:
                return tuple(answer)
            case ("*", int(ident), event):
                self._keep(ident, event)
                return None
        raise ProtocolError("the server sent something that isn't an answer")

    # Events

    def _keep(self, ident: int, event: object) -> None:
        self._events.append((ident, event))

    def subscribe(self, ident: int, callback: Callback) -> None:
        """For proxies: subscribe, and keep the callback for `dispatch`."""
        with self._lock:
            self.request("subs", ident)
            self._callbacks[ident] = callback

    def unsubscribe(self, ident: int, callback: Callback) -> None:
        """For proxies: the opposite. ValueError when that callback is not subscribed."""
        with self._lock:
            if self._callbacks.get(ident) != callback:
                raise ValueError("this callback is not subscribed")
            self.request("unsubs", ident)
            del self._callbacks[ident]

    def dispatch(self, timeout: float | None = None) -> bool:
        """Wait `timeout` seconds at most for an event, and call its callback. False without one."""
        until = _deadline(timeout)
        while True:
            with self._lock:
                while not self._events:
                    if not self._receive(_left(until)):
                        return False
                ident, event = self._events.popleft()
            callback = self._callbacks.get(ident)
            if callback is not None:
                callback(event)
                return True

    def _receive(self, seconds: float | None) -> bool:
        """Wait for events, and keep those that have come; False when the time is over."""
        if not self.stream.has_input(seconds):
            return False
        if self._read() is not None:
            raise ProtocolError("the server sent an answer that nobody asked for")
        return True


class Proxy(Closing):
    """An object of the server. Its methods are those of the object, and raise what those raise;
    those of protocols that it doesn't have raise `ashd.pdm.perf.nosuchproto`.
    """

    def __init__(self, client: PerfClient, ident: int, protocols: list[str]) -> None:
        self.client = client
        self.ident = ident
        self._protocols = list(protocols)

    def pdm_protocols(self) -> list[str]:
        """Return those of `attr`, `dir`, `invoke` and `event` that the object has."""
        return self._protocols

    def by_worker(self, request: str, *args: object) -> dict[str, Any]:
        """Send a request of the wire, and return each worker's answer; a single process is ''."""
        return {"": self.client.request(request, self.ident, *args)[0]}

    def readattr(self) -> Any:
        """Read the value of an attribute."""
        return self.by_worker("readattr")[""]

    def attrinfo(self) -> AttrInfo:
        """Return what an attribute means."""
        info: AttrInfo = self.by_worker("attrinfo")[""]
        return info

    def listdir(self) -> list[str]:
        """Return the names in a directory."""
        names: list[str] = self.by_worker("ls")[""]
        return names

    def lookup(self, name: str) -> Proxy:
        """Return an object of a directory; `nosuchname` when there is none."""
        return self.client._bind(next(self.client._ids), "lookup", self.ident, name)

    def invoke(self, method: str, *args: object, **kwargs: object) -> Any:
        """Call a method, with plain data."""
        return self.by_worker("invoke", method, args, kwargs)[""]

    def subscribe(self, callback: Callback) -> None:
        """Have `PerfClient.dispatch` call `callback` with each event. One callback at a time."""
        self.client.subscribe(self.ident, callback)

    def unsubscribe(self, callback: Callback) -> None:
        """Stop; ValueError when that callback is not subscribed."""
        self.client.unsubscribe(self.ident, callback)

    def close(self) -> None:
        """Let the server forget the object."""
        self.client._callbacks.pop(self.ident, None)
        with suppress(ConnectionLost):
            self.client.request("unbind", self.ident)


def _load(body: bytes) -> object:
    try:
        return load(body, CLIENT_PICKLES, client_names)
    except RefusedPickle:
        message = load(body, CLIENT_PICKLES, partial(client_names, unknown=_unknown_event))
        if isinstance(message, tuple) and message[:1] == ("*",):
            return message
        raise


def _unknown_event(kind: str, *args: object) -> UnknownEvent:
    event = UnknownEvent()
    vars(event).update({"kind": kind, "args": args} if args else {"kind": kind})
    return event


def _deadline(timeout: float | None) -> float | None:
    return None if timeout is None else time.monotonic() + timeout


def _left(until: float | None) -> float | None:
    return None if until is None else max(0.0, until - time.monotonic())

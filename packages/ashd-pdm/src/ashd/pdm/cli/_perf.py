"""The client of the protocol `perf`, with proxies that have the methods of the objects.

A client may be used by several threads: requests go one after another. Events that come meanwhile
wait for `dispatch`, which calls the callbacks in the thread that calls it.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Any

from ashd.pdm._errors import ConnectionLost, ProtocolError, RefusedPickle
from ashd.pdm._frames import HEADER_SIZE, body_length, frame
from ashd.pdm._limits import CLIENT_PICKLES, MAX_MESSAGE
from ashd.pdm._names import CLIENT_NAMES, EventNames
from ashd.pdm._stream import Stream
from ashd.pdm._writer import write_request
from ashd.pdm.cli._connect import connect
from ashd.pdm.perf import AttrInfo, UnknownEvent, error, nosuchname

from .._pickles import load

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from ashd.pdm.cli._target import Target

MAX_WAITING_EVENTS = 100_000
"""Events that wait for `dispatch`; the oldest are dropped beyond that."""

LEFT_INTERVAL = 0.2
"""Seconds between two looks at `abandon`."""


class PerfClient:
    """A connection for looking at objects. Use `close`, or `with`.

    `timeout` is how many seconds an answer may take, None for any time. `worker` chooses a worker
    process of a server that has several; without it, such a server shows the objects of all.
    """

    def __init__(
        self,
        target: str | Target | Stream,
        *,
        worker: str | None = None,
        timeout: float | None = None,
    ) -> None:
        self._stream = (
            target if isinstance(target, Stream) else connect(target, "perf", worker=worker)
        )
        self._timeout = timeout
        self._lock = threading.RLock()  # for the stream; callbacks may ask for something
        self._ids = itertools.count(1)
        self._callbacks: dict[Any, Callable[[Any], None]] = {}
        self._events: deque[tuple[Any, Any]] = deque(maxlen=MAX_WAITING_EVENTS)
        self.abandon: Callable[[], bool] | None = None

    # Objects

    def lookup(self, module: str, name: str) -> Proxy:
        """Return the object `name` of an imported module; `ashd.pdm.perf.nosuchname` when there is
        none.
        """
        ident = next(self._ids)
        return Proxy(self, ident, self.request("bind", ident, module, name)[0])

    def find(self, path: str) -> Proxy:
        """Return an object by `MODULE.OBJECT[/NAME]...`, as in `pdm.perf.sysres/cputime`."""
        first, *names = path.split("/")
        module, _, name = first.rpartition(".")
        if not module or not name or not all(names):
            raise nosuchname(
                f"{path}: write MODULE.OBJECT[/NAME]..., as in pdm.perf.sysres/cputime"
            )
        found = self.lookup(module, name)
        for part in names:
            inner = found.lookup(part)
            found.close()
            found = inner
        return found

    # The wire

    def request(self, *request: Any) -> tuple[Any, ...]:
        """Send a request of the wire and return what its answer holds; raise what the server
        raised.
        """
        message = frame(write_request(request))
        with self._lock:
            self._stream.send(message)
            reply = self._reply()
        if reply[0] == "+":
            return reply[1:]
        raised = reply[1] if len(reply) > 1 else None
        raise raised if isinstance(raised, Exception) else error(f"the server failed: {raised!r}")

    def _reply(self) -> tuple[Any, ...]:
        until = None if self._timeout is None else time.monotonic() + self._timeout
        while True:
            self._await_reply(until)
            message = self._read()
            if message[0] != "*":
                return message
            self._events.append(message[1:])

    def _await_reply(self, until: float | None) -> None:
        while not self._stream.has_input(_sooner(until, LEFT_INTERVAL if self.abandon else None)):
            if self.abandon is not None and self.abandon():
                raise ConnectionLost("the request was abandoned")
            if until is not None and time.monotonic() >= until:
                raise ConnectionLost(f"no answer for {self._timeout} seconds")

    def _read(self) -> tuple[Any, ...]:
        header = self._stream.read_exactly(HEADER_SIZE, self._timeout, first=True)
        if header is None:
            raise ConnectionLost("the server closed the connection")
        body = self._stream.read_exactly(body_length(header, MAX_MESSAGE), self._timeout)
        message = _load(body or b"")
        if not isinstance(message, tuple) or not message or message[0] not in ("+", "-", "*"):
            raise ProtocolError("the server sent something that is no answer")
        if message[0] == "*" and len(message) != 3:
            raise ProtocolError("the server sent a malformed event")
        return message

    # Events

    def subscribe(self, ident: Any, callback: Callable[[Any], None]) -> None:
        """For proxies: subscribe, and keep the callback for `dispatch`."""
        with self._lock:
            self.request("subs", ident)
            self._callbacks[ident] = callback

    def unsubscribe(self, ident: Any, callback: Callable[[Any], None]) -> None:
        """For proxies: the opposite. ValueError when that callback is not subscribed."""
        with self._lock:
            if self._callbacks.get(ident) != callback:
                raise ValueError("this callback is not subscribed")
            self.request("unsubs", ident)
            del self._callbacks[ident]

    def dispatch(self, timeout: float | None = None) -> bool:
        """Wait for an event, `timeout` seconds at most, and call its callback. False when none
        came.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            with self._lock:
                if not self._events:
                    if not self._stream.has_input(_sooner(until, None)):
                        return False
                    self._take_event()
                ident, event = self._events.popleft()
            callback = self._callbacks.get(ident)
            if callback is not None:
                callback(event)
                return True

    def _take_event(self) -> None:
        message = self._read()
        if message[0] != "*":
            raise ProtocolError("the server sent an answer that nobody asked for")
        self._events.append(message[1:])

    def fileno(self) -> int:
        """Return the descriptor of the connection, for `poll`."""
        return self._stream.socket.fileno()

    def abort(self) -> None:
        """End the connection under a thread that waits for it. May be called from any thread."""
        self._stream.abort()

    def close(self) -> None:
        """Leave. What was bound and subscribed is forgotten by the server."""
        self._stream.close()

    def __enter__(self) -> PerfClient:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


class Proxy:
    """An object of the server. Its methods are those of the object, and raise what those raise
    there.

    `ashd.pdm.perf.nosuchproto` comes from methods of protocols that the object doesn't have.
    """

    def __init__(self, client: PerfClient, ident: Any, protocols: list[str]) -> None:
        self._client = client
        self._id = ident
        self._protocols = list(protocols)

    def pdm_protocols(self) -> list[str]:
        """Return those of `attr`, `dir`, `invoke` and `event` that the object has."""
        return self._protocols

    def readattr(self) -> Any:
        """Read the value of an attribute."""
        return self._client.request("readattr", self._id)[0]

    def attrinfo(self) -> AttrInfo:
        """Return what an attribute means."""
        info: AttrInfo = self._client.request("attrinfo", self._id)[0]
        return info

    def listdir(self) -> list[str]:
        """Return the names in a directory."""
        names: list[str] = self._client.request("ls", self._id)[0]
        return names

    def lookup(self, name: str) -> Proxy:
        """Return an object of a directory; `nosuchname` when there is none."""
        ident = next(self._client._ids)
        return Proxy(self._client, ident, self._client.request("lookup", ident, self._id, name)[0])

    def invoke(self, method: str, *args: Any, **kwargs: Any) -> Any:
        """Call a method, with plain data."""
        return self._client.request("invoke", self._id, method, args, kwargs)[0]

    def subscribe(self, callback: Callable[[Any], None]) -> None:
        """Have `PerfClient.dispatch` call `callback` with each event. One callback at a time."""
        self._client.subscribe(self._id, callback)

    def unsubscribe(self, callback: Callable[[Any], None]) -> None:
        """Stop; ValueError when that callback is not subscribed."""
        self._client.unsubscribe(self._id, callback)

    def close(self) -> None:
        """Let the server forget the object."""
        self._client._callbacks.pop(self._id, None)
        try:
            self._client.request("unbind", self._id)
        except ConnectionLost:
            pass

    def __enter__(self) -> Proxy:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()


def _load(body: bytes) -> Any:
    try:
        return load(body, CLIENT_PICKLES, CLIENT_NAMES)
    except RefusedPickle:
        message = load(body, CLIENT_PICKLES, _EVENT_NAMES)
        if isinstance(message, tuple) and message[:1] == ("*",):
            return message
        raise


def _unknown_event(kind: str) -> UnknownEvent:
    event = UnknownEvent()
    event.kind = kind
    return event


_EVENT_NAMES = EventNames(_unknown_event)


def _sooner(until: float | None, seconds: float | None) -> float | None:
    left = None if until is None else max(0.0, until - time.monotonic())
    if left is None or seconds is None:
        return seconds if left is None else left
    return min(left, seconds)

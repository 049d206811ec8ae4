"""A client that shows all worker processes of a server as one.

The server knows nothing of that: it says which workers there are, and each is asked over a
connection of its own, which is made when it is needed.

| protocol | merged |
| --- | --- |
| attr | numbers, and dicts of numbers, are added (`AttrInfo.merge`); others: a dict by worker |
| dir | all names |
| invoke | called in all workers at once; a dict from worker to result |
| event | the events of all, with `worker` set, and with the worker's name in `id` |

Objects that no worker has are those of the listening process, and so are `sysinfo` and `sysctl`:
there is one process to signal. `pdm.perf.workers/NAME/MODULE.OBJECT` is the object of one worker,
or of the listening process (`parent`).
"""

from __future__ import annotations

import select
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from .._errors import ConnectionLost, PdmError
from ..perf import AttrInfo, Event, ProcEvent, nosuchname
from ..perf._workers import PARENT
from ._connect import connect
from ._perf import PerfClient, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ._target import Target

ANSWER_TIMEOUT = 10.0
"""Seconds that a worker may take to answer, and to take a connection; calls of methods may take any
time. One that takes longer is left out.
"""

WORKERS = "pdm.perf.workers"
OBJECTS = "pdm.perf.objects"
OWN = ("pdm.perf.sysinfo", "pdm.perf.sysctl")
"""Objects that are those of the listening process."""


def open_perf(
    target: str | Target,
    *,
    worker: str | None = None,
    timeout: float | None = None,
    translate: Callable[[Exception], Exception] | None = None,
) -> PerfClient:
    """Connect to a worker, or to a whole server: if it has worker processes, the client shows the
    objects of all of them as one.

    `timeout` is how many seconds an answer may take, None for any time. `translate` is
    that of `PerfClient`. The errors are those of `connect`.
    """
    client = PerfClient(target, worker=worker, timeout=timeout, translate=translate)
    if worker is not None:
        return client
    try:
        with client.find(WORKERS) as workers:
            names = workers.listdir()
    except nosuchname:
        return client
    except BaseException:
        client.close()
        raise
    if not names:
        return client
    return WorkersClient(client, target)


class WorkersClient(PerfClient):
    """A client of the listening process, `parent`, which it owns, and of all workers. For one
    thread at a time. `patience` is how many seconds a worker may take to answer, but for calls.
    """

    def __init__(self, parent: PerfClient, target: str | Target) -> None:
        super().__init__(parent.stream, timeout=parent.timeout, translate=parent.translate)
        self._target = target
        self.patience = ANSWER_TIMEOUT if self.timeout is None else self.timeout
        self._directory = super().find(WORKERS)
        self._clients: dict[str, PerfClient] = {}
        self._sources: list[_MergedProxy] = []
        self._known: set[str] = set()
        self._added = False

    def lookup(self, module: str, name: str) -> Proxy:
        """Return an object, of all workers if any has it."""
        return self.find(f"{module}.{name}")

    def find(self, path: str) -> Proxy:
        """Return an object by its path, of all workers if any has it."""
        if path == WORKERS:
            return _WorkersProxy(self)
        if path.startswith(f"{WORKERS}/"):
            name, _, rest = path.removeprefix(f"{WORKERS}/").partition("/")
            return self.find_in(name, f"{OBJECTS}/{rest}" if rest else OBJECTS)
        if path.split("/", maxsplit=1)[0] not in OWN:
            merged = _MergedProxy(self, path)
            if merged.pdm_protocols():
                return merged
        return super().find(path)

    def find_in(self, worker: str, path: str) -> Proxy:
        """Return an object of one worker, or of the listening process."""
        if worker == PARENT:
            return super().find(path)
        if worker not in self.names():
            raise nosuchname(f"{worker[:100]}: there is no such worker")
        return _WorkerProxy(self.client_of(worker), path, worker, self.timeout)

    def names(self) -> list[str]:
        """Return the workers that run. The connections to others are closed; new ones get the
        subscriptions that there are.
        """
        names = [name for name in self._directory.listdir() if name != PARENT]
        for name in set(self._clients).difference(names):
            self.drop(name)
        is_new = not self._known.issuperset(names)
        self._known = set(names)
        if is_new:
            for source in self._sources:
                source.subscribe_all()
        return names

    def client_of(self, worker: str) -> PerfClient:
        """Return the connection to a worker; `ConnectionLost` when it can't be reached."""
        if worker not in self._clients:
            try:
                stream = connect(self._target, "perf", worker=worker, patience=self.patience)
            except PdmError as exc:
                raise ConnectionLost(f"worker {worker}: {exc}") from exc
            self._clients[worker] = PerfClient(
                stream, timeout=self.patience, translate=self.translate
            )
        return self._clients[worker]

    def drop(self, worker: str) -> None:
        """Close the connection to a worker."""
        self._known.discard(worker)
        client = self._clients.pop(worker, None)
        if client is not None:
            client.close()

    # Events

    def watch(self, proxy: _MergedProxy) -> None:
        """For proxies: subscribe them in later workers, too."""
        if not self._sources:
            self._directory.subscribe(self._note)
        self._sources.append(proxy)

    def unwatch(self, proxy: _MergedProxy) -> None:
        """For proxies: the opposite."""
        self._sources.remove(proxy)

    def _note(self, _name: str) -> None:
        self._added = True

    def dispatch(self, timeout: float | None = None) -> bool:
        """Wait for an event of any worker and call its callback. False when none came."""
        until = None if timeout is None else time.monotonic() + timeout
        while True:
            for name in list(self._clients):
                if self._dispatch_of(name):
                    self._clients[name] = self._clients.pop(name)  # the others come first then
                    return True
            self._added = False
            if super().dispatch(0):
                if not self._added:
                    return True
                self.names()
            elif not self._await_any(until):
                return False

    def _dispatch_of(self, worker: str) -> bool:
        try:
            return self._clients[worker].dispatch(0)
        except ConnectionLost:
            self.drop(worker)
            return False

    def _await_any(self, until: float | None) -> bool:
        poller = select.poll()
        for client in (self, *self._clients.values()):
            poller.register(client.fileno(), select.POLLIN)
        left = None if until is None else max(0.0, until - time.monotonic()) * 1000
        return bool(poller.poll(left))

    def close(self) -> None:
        """Leave all of them."""
        for name in list(self._clients):
            self.drop(name)
        super().close()


class _WorkersProxy(Proxy):
    """`pdm.perf.workers`: a directory of all objects for each process."""

    def __init__(self, client: WorkersClient) -> None:
        super().__init__(client, None, ["dir"])
        self._all = client

    def listdir(self) -> list[str]:
        return [*self._all.names(), PARENT]

    def lookup(self, name: str) -> Proxy:
        return self._all.find_in(name, OBJECTS)

    def close(self) -> None:
        pass


class _WorkerProxy(Proxy):
    """An object of one worker; its events say so."""

    def __init__(
        self, client: PerfClient, path: str, worker: str, call_timeout: float | None
    ) -> None:
        found = client.find(path)
        super().__init__(client, found.ident, found.pdm_protocols())
        self._worker = worker
        self._call_timeout = call_timeout
        self._delivered: dict[Any, Callable[[Any], None]] = {}

    def subscribe(self, callback: Callable[[Any], None]) -> None:
        delivered = partial(_deliver, self._worker, callback)
        super().subscribe(delivered)
        self._delivered[callback] = delivered

    def unsubscribe(self, callback: Callable[[Any], None]) -> None:
        super().unsubscribe(self._delivered.pop(callback, callback))

    def invoke(self, method: str, *args: Any, **kwargs: Any) -> Any:
        self.client.begin("invoke", self.ident, method, args, kwargs)
        return self.client.finish(self._call_timeout)[0]

    def is_subscribed(self, callback: Callable[[Any], None]) -> bool:
        return callback in self._delivered


def _deliver(worker: str, callback: Callable[[Any], None], event: Any) -> None:
    if isinstance(event, Event):
        event.worker = worker
    if isinstance(event, ProcEvent):
        event.id = f"{worker}.{event.id}"
    callback(event)


class _MergedProxy(Proxy):
    """An object as all workers have it, together."""

    def __init__(self, client: WorkersClient, path: str) -> None:
        super().__init__(client, None, [])
        self._all = client
        self._path = path
        self._proxies: dict[str, _WorkerProxy] = {}
        self._callbacks: list[Callable[[Any], None]] = []

    def _current(self) -> dict[str, _WorkerProxy]:
        """Return the object in each worker that has it; the others are left out."""
        names = self._all.names()
        known, self._proxies = self._proxies, {}
        for name in names:
            with suppress(nosuchname):
                try:
                    client = self._all.client_of(name)
                    proxy = known.get(name)
                    if proxy is None or proxy.client is not client:
                        proxy = _WorkerProxy(client, self._path, name, self._all.timeout)
                    self._proxies[name] = proxy
                except ConnectionLost:
                    self._all.drop(name)
        return self._proxies

    def _ask(self, request: str, *args: Any) -> dict[str, Any]:
        """Ask all workers at once. Those that have gone are left out."""
        timeout = self._all.timeout if request == "invoke" else self._all.patience
        asked = []
        for name, proxy in self._current().items():
            try:
                proxy.client.begin(request, proxy.ident, *args)
                asked.append((name, proxy))
            except ConnectionLost:
                self._all.drop(name)
        found: dict[str, Any] = {}
        raised: list[Exception] = []
        for name, proxy in asked:
            try:
                found[name] = proxy.client.finish(timeout)
            except ConnectionLost:
                self._all.drop(name)
            except Exception as exc:  # the others have to be heard all the same
                raised.append(exc)
        if raised:
            raise raised[0]
        return {name: answer[0] if answer else None for name, answer in found.items()}

    def pdm_protocols(self) -> list[str]:
        answers = [proxy.pdm_protocols() for proxy in self._current().values()]
        return list(dict.fromkeys(name for answer in answers for name in answer))

    def readattr(self) -> Any:
        return merge_values(self._ask("readattr"), getattr(self.attrinfo(), "merge", None))

    def attrinfo(self) -> AttrInfo:
        return next(iter(self._ask("attrinfo").values()), AttrInfo())

    def listdir(self) -> list[str]:
        answers = self._ask("ls").values()
        return list(dict.fromkeys(name for answer in answers for name in answer))

    def lookup(self, name: str) -> Proxy:
        found = _MergedProxy(self._all, f"{self._path}/{name}")
        if not found.pdm_protocols():
            raise nosuchname(f"{name[:100]}: no such name in this directory")
        return found

    def invoke(self, method: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self._ask("invoke", method, args, kwargs)

    def subscribe(self, callback: Callable[[Any], None]) -> None:
        self._callbacks.append(callback)
        self._all.watch(self)
        self.subscribe_all()

    def subscribe_all(self) -> None:
        """Subscribe in the workers in which that wasn't done yet."""
        for proxy in self._current().values():
            for callback in self._callbacks:
                if not proxy.is_subscribed(callback):
                    proxy.subscribe(callback)

    def unsubscribe(self, callback: Callable[[Any], None]) -> None:
        if callback not in self._callbacks:
            raise ValueError("this callback is not subscribed")
        self._callbacks.remove(callback)
        self._all.unwatch(self)
        for proxy in self._current().values():
            with suppress(ConnectionLost):
                proxy.unsubscribe(callback)

    def close(self) -> None:
        for proxy in self._proxies.values():
            proxy.close()


def merge_values(values: dict[str, Any], how: str | None) -> Any:
    """Return one value for all workers; see the module."""
    found = list(values.values())
    if how != "each" and found:
        combine: Callable[[Iterable[Any]], Any] = max if how == "max" else sum
        if all(_is_number(value) for value in found):
            return combine(found)
        if all(_is_numbers(value) for value in found):
            keys = dict.fromkeys(key for value in found for key in value)
            return {key: combine(value.get(key, 0) for value in found) for key in keys}
    return values


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_numbers(value: Any) -> bool:
    return isinstance(value, dict) and all(_is_number(number) for number in value.values())

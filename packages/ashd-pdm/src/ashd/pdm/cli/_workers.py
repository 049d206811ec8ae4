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
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from itertools import chain
from typing import Any

from .._errors import ConnectionLost, PdmError
from .._stream import Stream
from ..perf import AttrInfo, Event, ProcEvent, nosuchname
from ..perf._workers import PARENT
from ._connect import connect
from ._perf import Callback, PerfClient, Proxy, Translate
from ._target import Target

ANSWER_TIMEOUT = 10.0
"""Seconds that a worker may take to connect, and to answer, but for calls, or it is left out."""

WORKERS = "pdm.perf.workers"
OBJECTS = "pdm.perf.objects"
OWN = ("pdm.perf.sysinfo", "pdm.perf.sysctl")
"""Objects that are those of the listening process."""


def open_perf(
    target: str | Target,
    *,
    worker: str | None = None,
    timeout: float | None = None,
    translate: Translate | None = None,
) -> PerfClient:
    """Connect to a worker, or to a whole server: if it has worker processes, the client shows the
    objects of all of them as one. `timeout` and `translate` are those of `PerfClient`, the errors
    those of `connect`.
    """
    client = PerfClient(target, worker=worker, timeout=timeout, translate=translate)
    if worker is not None:
        return client
    try:
        with client.find(WORKERS) as workers:
            names = workers.listdir()
        return WorkersClient(client, target) if names else client
    except nosuchname:
        return client
    except BaseException:
        client.close()
        raise


class WorkersClient(PerfClient):
    """A client of the listening process, `parent`, which it owns, and of all workers. For one
    thread at a time. `patience` is how many seconds a worker may take to answer, but for calls.
    """

    def __init__(self, parent: PerfClient, target: str | Target) -> None:
        super().__init__(parent.stream, timeout=parent.timeout, translate=parent.translate)
        self.patience: float = ANSWER_TIMEOUT if self.timeout is None else self.timeout
        self._target = target
        self._subscribed: list[_MergedProxy] = []
        self._clients: dict[str, _WorkerClient] = {}
        self._is_new = False
        self._directory = super().find(WORKERS)
        self.request("subs", self._directory.ident)

    def lookup(self, module: str, name: str) -> Proxy:
        """Return an object, of all workers if any has it."""
        return self.find(f"{module}.{name}")

    def find(self, path: str) -> Proxy:
        """Return an object by its path, of all workers if any has it."""
        first, _, inside = path.partition("/")
        if first == WORKERS:
            return self._find_in_worker(*inside.partition("/")[::2])
        if first not in OWN:
            merged = _MergedProxy(self, path)
            if merged.pdm_protocols():
                return merged
        return super().find(path)

    def _find_in_worker(self, worker: str, path: str) -> Proxy:
        if not worker:
            return _WorkersProxy(self, self._directory.ident, ["dir"])
        if worker == PARENT:
            return super().find(path or OBJECTS)
        if worker not in self.running():
            raise nosuchname(f"{worker[:100]}: there is no such worker")
        return self.client_of(worker).find(path or OBJECTS)

    def running(self) -> list[str]:
        """Return the names of the workers that run, and leave the others."""
        names = [name for name in self._directory.listdir() if name != PARENT]
        for name in set(self._clients).difference(names):
            self.drop(name)
        return names

    def client_of(self, worker: str) -> PerfClient:
        """Return the connection to a worker; `ConnectionLost` when it can't be reached."""
        if worker not in self._clients:
            try:
                stream = connect(self._target, "perf", worker=worker, patience=self.patience)
            except PdmError as exc:
                raise ConnectionLost(f"worker {worker}: {exc}") from exc
            self._clients[worker] = _WorkerClient(self, worker, stream)
            for proxy in self._subscribed:
                with suppress(nosuchname):
                    proxy.bind_in(self._clients[worker])
        return self._clients[worker]

    @contextmanager
    def leaving_out(self, worker: str) -> Iterator[None]:
        """Leave a worker when its connection is lost inside."""
        try:
            yield
        except ConnectionLost:
            self.drop(worker)

    def drop(self, worker: str) -> None:
        """Close the connection to a worker."""
        if worker in self._clients:
            self._clients.pop(worker).close()

    # Events

    def _keep(self, ident: int, event: object) -> None:
        if ident == self._directory.ident:
            self._is_new = True
        else:
            super()._keep(ident, event)

    def _receive(self, seconds: float | None) -> bool:
        if self._is_new:
            self._is_new = False
            for name in self.running():
                with self.leaving_out(name):
                    self.client_of(name)
        poller, clients = select.poll(), [self, *self._clients.values()]
        for client in clients:
            poller.register(client.fileno(), select.POLLIN)
        if not any(client.stream.has_input(0) for client in clients):
            poller.poll(None if seconds is None else seconds * 1000)
        ready = [name for name, one in self._clients.items() if one.stream.has_input(0)]
        for name in ready:
            with self.leaving_out(name):
                self._clients[name]._receive(0)
        return super()._receive(0) or bool(ready)

    def close(self) -> None:
        """Leave all of them."""
        for name in list(self._clients):
            self.drop(name)
        super().close()


class _WorkerClient(PerfClient):
    """A connection to one worker. Its events say so, and go to the `dispatch` of `whole`."""

    def __init__(self, whole: WorkersClient, worker: str, stream: Stream) -> None:
        super().__init__(stream, timeout=whole.patience, translate=whole.translate)
        self.call_timeout = whole.timeout
        self._ids, self._callbacks, self._events = whole._ids, whole._callbacks, whole._events
        self._worker = worker

    def _keep(self, ident: int, event: object) -> None:
        if isinstance(event, Event):
            event.worker = self._worker
        if isinstance(event, ProcEvent):
            event.id = f"{self._worker}.{event.id}"
        super()._keep(ident, event)


class _WorkersProxy(Proxy):
    """`pdm.perf.workers`: a directory of all objects for each process."""

    def lookup(self, name: str) -> Proxy:
        return self.client.find(f"{WORKERS}/{name}")

    def close(self) -> None:
        pass


class _MergedProxy(Proxy):
    """An object as all workers have it, together. It is bound to the same number in each."""

    def __init__(self, client: WorkersClient, path: str) -> None:
        super().__init__(client, next(client._ids), [])
        self._all = client
        self._path = path
        self._bound: dict[PerfClient, list[str]] = {}  # the protocols that it has there

    def _current(self) -> dict[str, PerfClient]:
        """Return the workers that have the object."""
        found = {}
        for name in self._all.running():
            with suppress(nosuchname), self._all.leaving_out(name):
                found[name] = self.bind_in(self._all.client_of(name))
        self._bound = {worker: self._bound[worker] for worker in found.values()}
        return found

    def bind_in(self, worker: PerfClient) -> PerfClient:
        """Bind the object in a worker, if it isn't yet, and subscribe to it as in the others."""
        if worker not in self._bound:
            self._bound[worker] = worker._find(self._path, self.ident).pdm_protocols()
            if self in self._all._subscribed:
                worker.request("subs", self.ident)
        return worker

    def by_worker(self, request: str, *args: object) -> dict[str, Any]:
        """Ask all workers at once. Those that have gone are left out."""
        asked, found, raised = {}, {}, []
        for name, worker in self._current().items():
            with self._all.leaving_out(name):
                worker.begin(request, self.ident, *args)
                asked[name] = worker
        for name, worker in asked.items():
            try:
                found[name] = (*worker.finish(request), None)[0]
            except ConnectionLost:
                self._all.drop(name)
            except Exception as exc:  # the others have to be heard all the same
                raised.append(exc)
        if raised:
            raise raised[0]
        return found

    def pdm_protocols(self) -> list[str]:
        return _union(self._bound[worker] for worker in self._current().values())

    def readattr(self) -> Any:
        return merge_values(self.by_worker("readattr"), getattr(self.attrinfo(), "merge", "sum"))

    def attrinfo(self) -> AttrInfo:
        return next(iter(self.by_worker("attrinfo").values()), AttrInfo())

    def listdir(self) -> list[str]:
        return _union(self.by_worker("ls").values())

    def lookup(self, name: str) -> Proxy:
        found = _MergedProxy(self._all, f"{self._path}/{name}")
        if not found.pdm_protocols():
            raise nosuchname(f"{name[:100]}: no such name in this directory")
        return found

    def invoke(self, method: str, *args: object, **kwargs: object) -> dict[str, Any]:
        return self.by_worker("invoke", method, args, kwargs)

    def subscribe(self, callback: Callback) -> None:
        self.by_worker("subs")
        self._all._callbacks[self.ident] = callback
        self._all._subscribed.append(self)

    def unsubscribe(self, callback: Callback) -> None:
        if self._all._callbacks.get(self.ident) != callback:
            raise ValueError("this callback is not subscribed")
        self.by_worker("unsubs")
        del self._all._callbacks[self.ident]
        self._all._subscribed.remove(self)

    def close(self) -> None:
        self._all._callbacks.pop(self.ident, None)
        if self in self._all._subscribed:
            self._all._subscribed.remove(self)
        for worker in self._bound:
            with suppress(ConnectionLost):
                worker.request("unbind", self.ident)


def _union(lists: Iterable[list[str]]) -> list[str]:
    return list(dict.fromkeys(chain.from_iterable(lists)))


_COMBINE: dict[str, Callable[[Iterable[Any]], Any] | None] = {"max": max, "each": None}


def merge_values(values: dict[str, Any], how: str) -> Any:
    """Return one value for all workers; see the module."""
    combine = _COMBINE.get(how, sum)
    found = list(values.values())
    if combine is None or not found:
        return values
    if all(map(_is_number, found)):
        return combine(found)
    if all(isinstance(value, dict) and all(map(_is_number, value.values())) for value in found):
        keys = dict.fromkeys(chain.from_iterable(found))
        return {key: combine(value.get(key, 0) for value in found) for key in keys}
    return values


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)

"""What a client sees on the socket of a process with workers: each worker's objects, and all of
them as one.

`pdm.perf.workers` is a directory of the workers, and of `parent`, the listening process; each is a
directory in which any object is looked up as `MODULE.OBJECT`. Every other object is the merged one
of all workers, if any of them has it:

| protocol | merged |
| --- | --- |
| attr | numbers, and dicts of numbers, are added (`AttrInfo.merge`); others: a dict by worker |
| dir | all names |
| invoke | called in all workers at once; a dict from worker to result |
| event | the events of all, with `worker` set, and with the worker's name in `id` |

`sysinfo` and `sysctl` are those of the listening process. Every look is a connection of its own to
the worker, so a worker that hangs holds nobody up but those who look at it, and they wait
`REMOTE_TIMEOUT` seconds at most.

The functions run in the threads that serve clients; a subscription has one thread for each worker.
"""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ashd.pdm._errors import ConnectionLost, PdmError
from ashd.pdm._stream import Stream
from ashd.pdm.cli import PerfClient, Proxy
from ashd.pdm.perf import AttrInfo, Event, ProcEvent, nosuchname, nosuchproto
from ashd.pdm.perf._call import Caller, calling, current_caller
from ashd.pdm.perf._objects import is_full
from ashd.pdm.srv._binding import MODULE_ALIASES, bind_local

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ashd.pdm.srv._workers import Workers

REMOTE_TIMEOUT = 10.0
"""Seconds that a worker may take to answer; calls of methods may take any time."""

FULL_PAUSE = 0.05
"""Seconds between two looks at whether a client that was too slow takes events again."""

OWN = {("ashd.pdm.perf", "sysinfo"), ("ashd.pdm.perf", "sysctl")}
"""Objects that are those of the listening process: there is one pid to signal."""

BUILT_IN = ("sysres", "sysinfo", "sysctl", "process", "threads", "profile", "heap")


def bind_merged(workers: Workers, module: str, name: str) -> Any:
    """Return the merged object, or the listening process' own where no worker has it."""
    real = MODULE_ALIASES.get(module, module)
    if (real, name) == ("ashd.pdm.perf", "workers"):
        return WorkersDirectory(workers)
    if (real, name) in OWN:
        return bind_local(module, name)
    merged = Merged(workers, f"{module}.{name}")
    if merged.pdm_protocols():
        return merged
    return bind_local(module, name)


class WorkersDirectory:
    """`pdm.perf.workers`: a directory for each worker, and one for the listening process."""

    def __init__(self, workers: Workers) -> None:
        self._workers = workers

    def pdm_protocols(self) -> list[str]:
        return ["dir"]

    def listdir(self) -> list[str]:
        return [*self._workers.names(), "parent"]

    def lookup(self, name: str) -> Any:
        if name == "parent":
            return ObjectsDirectory(lambda path: bind_local(*_split(path)))
        if name not in self._workers.names():
            raise KeyError(name)
        return ObjectsDirectory(lambda path: Remote(self._workers, name, path))


class ObjectsDirectory:
    """All objects of one process, by `MODULE.OBJECT`; the built-in ones are listed."""

    def __init__(self, find: Callable[[str], Any]) -> None:
        self._find = find

    def pdm_protocols(self) -> list[str]:
        return ["dir"]

    def listdir(self) -> list[str]:
        return [f"pdm.perf.{name}" for name in BUILT_IN]

    def lookup(self, name: str) -> Any:
        return self._find(name)


class Remote:
    """An object in one worker. `path` is as in `PerfClient.find`."""

    def __init__(self, workers: Workers, worker: str, path: str) -> None:
        self.worker = worker
        self._workers = workers
        self._path = path
        self._protocols: list[str] | None = None
        self._subscriptions: dict[Any, _Subscription] = {}

    def _ask(self, question: Callable[[Proxy], Any], timeout: float | None = REMOTE_TIMEOUT) -> Any:
        with open_worker(self._workers, self.worker, timeout) as client:
            return question(client.find(self._path))

    def pdm_protocols(self) -> list[str]:
        if self._protocols is None:
            self._protocols = self._ask(lambda proxy: proxy.pdm_protocols())
        return self._protocols

    def readattr(self) -> Any:
        return self._ask(lambda proxy: proxy.readattr())

    def attrinfo(self) -> AttrInfo:
        info: AttrInfo = self._ask(lambda proxy: proxy.attrinfo())
        return info

    def listdir(self) -> list[str]:
        names: list[str] = self._ask(lambda proxy: proxy.listdir())
        return names

    def lookup(self, name: str) -> Any:
        return Remote(self._workers, self.worker, f"{self._path}/{name}")

    def invoke(self, method: str, *args: Any, **kwargs: Any) -> Any:
        return self._ask(lambda proxy: proxy.invoke(method, *args, **kwargs), timeout=None)

    def subscribe(self, callback: Callable[[Any], None]) -> None:
        self._subscriptions[callback] = _Subscription(
            self._workers, self.worker, self._path, callback
        )

    def unsubscribe(self, callback: Callable[[Any], None]) -> None:
        subscription = self._subscriptions.pop(callback, None)
        if subscription is None:
            raise ValueError("this callback is not subscribed")
        subscription.close()


class Merged:
    """An object as all workers have it, together."""

    def __init__(self, workers: Workers, path: str) -> None:
        self._workers = workers
        self._path = path
        self._lock = threading.Lock()  # for _subscriptions and _stops
        self._subscriptions: dict[Any, list[_Subscription]] = {}
        self._stops: dict[Any, Callable[[], None]] = {}

    def _all(self, question: Callable[[Remote], Any]) -> dict[str, Any]:
        """Ask all workers at once. Those that have gone, or don't have the object, are left out."""
        asked = {
            name: _Asked(question, Remote(self._workers, name, self._path))
            for name in self._workers.names()
        }
        for one in asked.values():
            one.start()
        found: dict[str, Any] = {}
        for name, one in asked.items():
            with suppress(ConnectionLost, nosuchname, WorkerGone):
                found[name] = one.result()
        return found

    def pdm_protocols(self) -> list[str]:
        answers = self._all(lambda remote: remote.pdm_protocols())
        return list(dict.fromkeys(name for answer in answers.values() for name in answer))

    def readattr(self) -> Any:
        values = self._all(lambda remote: remote.readattr())
        return merge_values(values, getattr(self.attrinfo(), "merge", None))

    def attrinfo(self) -> AttrInfo:
        infos = self._all(lambda remote: remote.attrinfo())
        return next(iter(infos.values()), AttrInfo())

    def listdir(self) -> list[str]:
        answers = self._all(lambda remote: remote.listdir())
        return list(dict.fromkeys(name for answer in answers.values() for name in answer))

    def lookup(self, name: str) -> Any:
        found = Merged(self._workers, f"{self._path}/{name}")
        if not found.pdm_protocols():
            raise KeyError(name)
        return found

    def invoke(self, method: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        return self._all(lambda remote: remote.invoke(method, *args, **kwargs))

    def subscribe(self, callback: Callable[[Any], None]) -> None:
        def add(name: str) -> None:
            with suppress(PdmError), self._lock:
                if callback in self._subscriptions:
                    subscription = _Subscription(self._workers, name, self._path, callback)
                    self._subscriptions[callback].append(subscription)

        with self._lock:
            self._subscriptions[callback] = []
        self._stops[callback] = self._workers.on_add(add)
        for name in self._workers.names():
            add(name)

    def unsubscribe(self, callback: Callable[[Any], None]) -> None:
        with self._lock:
            subscriptions = self._subscriptions.pop(callback, None)
        if subscriptions is None:
            raise ValueError("this callback is not subscribed")
        self._stops.pop(callback)()
        for subscription in subscriptions:
            subscription.close()


class WorkerGone(PdmError):  # noqa: N818
    """The worker can't be reached any more."""


class _Asked(threading.Thread):
    """A question to one worker, in a thread of its own, for the same caller."""

    def __init__(self, question: Callable[[Remote], Any], remote: Remote) -> None:
        super().__init__(name="ashd-pdm-ask", daemon=True)
        self._question = question
        self._remote = remote
        self._caller: Caller | None = current_caller()
        self._value: Any = None
        self._raised: Exception | None = None

    def run(self) -> None:
        with calling(self._caller):
            try:
                self._value = self._question(self._remote)
            except Exception as exc:
                self._raised = exc

    def result(self) -> Any:
        self.join()
        if self._raised is not None:
            raise self._raised
        return self._value


class _Subscription:
    """Hands the events of one worker on, in a thread of its own, until it is closed or the worker
    ends.
    """

    def __init__(
        self, workers: Workers, worker: str, path: str, callback: Callable[[Any], None]
    ) -> None:
        self._worker = worker
        self._callback = callback
        self._closed = threading.Event()
        self._client = open_worker(workers, worker, None)
        try:
            self._client.find(path).subscribe(self._deliver)
        except BaseException:
            self._client.close()
            raise
        self._thread = threading.Thread(target=self._run, name="ashd-pdm-subscription", daemon=True)
        self._thread.start()

    def _deliver(self, event: Any) -> None:
        if isinstance(event, Event):
            event.worker = self._worker
        if isinstance(event, ProcEvent):
            event.id = f"{self._worker}.{event.id}"
        while is_full(self._callback) and not self._closed.wait(FULL_PAUSE):
            pass  # the worker notices, and doesn't make events that nobody takes
        self._callback(event)

    def _run(self) -> None:
        with self._client, suppress(PdmError):
            while True:
                self._client.dispatch()

    def close(self) -> None:
        self._closed.set()
        self._client.abort()
        self._thread.join()


def open_worker(workers: Workers, worker: str, timeout: float | None) -> PerfClient:
    """Connect to a worker, from inside the process that listens. It is abandoned when the client
    that asks leaves.
    """
    ours, theirs = socket.socketpair()
    with theirs:
        try:
            workers.send(worker, "perf", theirs)
        except PdmError as exc:
            ours.close()
            raise WorkerGone(str(exc)) from exc
    stream = Stream(ours, send_timeout=REMOTE_TIMEOUT)
    try:
        stream.read_line(100, REMOTE_TIMEOUT)  # +PERF1
    except BaseException:
        stream.close()
        raise
    client = PerfClient(stream, timeout=timeout)
    caller = current_caller()
    if caller is not None:
        client.abandon = lambda: caller.wait_left(0)
    return client


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


def _split(path: str) -> tuple[str, str]:
    module, _, name = path.rpartition(".")
    if not module:
        raise nosuchproto(f"{path[:100]}: look objects up as MODULE.OBJECT")
    return module, name

"""One look at a daemon: plain data about each of its processes. Used by one thread."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..._errors import ConnectionLost, PdmError
from ..._records import Process, Server, Thread
from .._connection import by_worker, find, find_if_any, open_perf
from ._events import RequestEvents

if TYPE_CHECKING:
    import argparse

    from ..._records import Request, Stack
    from ...cli import PerfClient, Proxy


@dataclass(frozen=True, slots=True)
class Row:
    """Something with a thread: a request in flight, or a thread itself."""

    worker: str
    ident: int | None
    age: float | None
    text: str
    is_request: bool = False

    @property
    def key(self) -> tuple[str, int | None, str]:
        """By what it is found again in a later look."""
        return (self.worker, self.ident, self.text if self.is_request else "")


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen at `time` (monotonic). Dicts are by worker; a single process is called ''."""

    time: float
    processes: dict[str, Process]
    servers: dict[str, Server] | None
    rows: list[Row]
    stack: Stack | None = None
    asked: Row | None = None


@dataclass(slots=True)
class Question:
    """What to look at besides: all threads instead of requests, and the stack of one of them."""

    threads: bool = False
    stack_of: Row | None = None


@dataclass(slots=True)
class Watcher:
    """Connects, and connects again after a loss. `close` it in the end."""

    options: argparse.Namespace
    _client: PerfClient | None = None
    _proxies: dict[str, Proxy | None] = field(default_factory=dict)
    _events: RequestEvents | None = None

    def look(self, question: Question) -> Look:
        """Ask the daemon. `PdmError` when it can't be asked; the next call tries anew."""
        try:
            client = self._connected()
            processes = by_worker(client, self._read("process"), Process)
            servers = self._servers(client)
            rows = self._thread_rows(client) if question.threads else _request_rows(servers)
            asked = question.stack_of
            stack = None if asked is None else self._stack(asked, rows)
        except (ConnectionLost, OSError):
            self.close()
            raise
        return Look(time.monotonic(), processes, servers, rows, stack, asked)

    def _connected(self) -> PerfClient:
        if self._client is None:
            self._client = open_perf(self.options)
            names = ("process", "threads", "ashd.perf.server")
            self._proxies = {name: find_if_any(self._client, name) for name in names}
            if self._proxies["ashd.perf.server"] is None:
                self._events = RequestEvents.of(self._client)
        return self._client

    def _read(self, name: str) -> object:
        proxy = self._proxies[name]
        if proxy is None:
            assert self._client is not None
            proxy = find(self._client, name)  # raises what the user has to read
        return proxy.readattr()

    def _servers(self, client: PerfClient) -> dict[str, Server] | None:
        if self._proxies["ashd.perf.server"] is not None:
            return by_worker(client, self._read("ashd.perf.server"), Server)
        return None if self._events is None else {"": self._events.state()}

    def _thread_rows(self, client: PerfClient) -> list[Row]:
        return [
            Row(worker, thread["ident"], _age(thread), _thread_text(thread))
            for worker, threads in by_worker(client, self._read("threads"), list[Thread]).items()
            for thread in sorted(threads, key=lambda one: one["request"] is None)
        ]

    def _stack(self, row: Row, rows: list[Row]) -> Stack:
        """Return the stack, or nothing when the request or the thread is over."""
        assert self._client is not None
        if row.ident is None or row.key not in {one.key for one in rows}:
            return []
        inside = f"workers/{row.worker}/pdm.perf." if row.worker else ""
        with suppress(PdmError), find(self._client, f"{inside}threads") as proxy:
            found = proxy.invoke("stack", row.ident)
            return [] if found is None else list(found["stack"])
        return []

    def close(self) -> None:
        """Leave."""
        if self._client is not None:
            self._client.close()
        self._client = self._events = None


def _request_rows(servers: dict[str, Server] | None) -> list[Row]:
    rows = [
        Row(worker, one.get("thread"), one.get("age"), _request_text(one), is_request=True)
        for worker, server in (servers or {}).items()
        for one in server.get("in_flight", [])
    ]
    return sorted(rows, key=lambda row: -(row.age or 0.0))


def _request_text(request: Request) -> str:
    return f"{request.get('method')} {request.get('uri')}"


def _thread_text(thread: Thread) -> str:
    request = thread["request"]
    if request is not None:
        return f"{thread['name']}: {request.get('method')} {request.get('url')}"
    if not thread["stack"]:
        return str(thread["name"])
    file, line, function, _ = thread["stack"][-1]
    return f"{thread['name']}: {function} ({file}:{line})"


def _age(thread: Thread) -> float | None:
    return thread["request"].get("age") if thread["request"] else None

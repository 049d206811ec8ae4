"""One look at a daemon: plain data about each of its processes. Used by one thread."""

from __future__ import annotations

import argparse
import time
from typing import NamedTuple

from ..._errors import ConnectionLost
from ..._records import Process, Request, Server, Stack, Thread
from ...cli import PerfClient, Proxy
from .._connection import find, find_if_any, open_perf, read
from ._events import RequestEvents

SERVER = "ashd.perf.server"


class Row(NamedTuple):
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


class Look(NamedTuple):
    """What was seen at `time` (monotonic). Dicts are by worker; a single process is called ''."""

    time: float
    processes: dict[str, Process]
    servers: dict[str, Server]
    rows: list[Row]
    stack: Stack | None = None
    asked: Row | None = None


class Question(NamedTuple):
    """What to look at besides: all threads instead of requests, and the stack of one of them."""

    threads: bool = False
    stack_of: Row | None = None


class Watcher:
    """Connects, and connects again after a loss. `close` it in the end."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.has_requests = False
        self._options = options
        self._client: PerfClient | None = None
        self._proxies: dict[str, Proxy] = {}
        self._events: RequestEvents | None = None

    def look(self, question: Question) -> Look:
        """Ask the daemon. `PdmError` when it can't be asked; the next call tries anew."""
        try:
            client = self._client or self._connect()
            processes = read(self._find(client, "process"), Process)
            servers = self._servers(client)
            rows = self._threads(client) if question.threads else _request_rows(servers)
            asked = question.stack_of
            stack = None if asked is None else _stack(client, asked, rows)
        except (ConnectionLost, OSError):
            self.close()
            raise
        return Look(time.monotonic(), processes, servers, rows, stack, asked)

    def _connect(self) -> PerfClient:
        self._client = client = open_perf(self._options)
        self._proxies = {}
        server = find_if_any(client, SERVER)
        self._events = None if server is not None else RequestEvents.of(client)
        self.has_requests = server is not None or self._events is not None
        return client

    def _find(self, client: PerfClient, name: str) -> Proxy:
        if name not in self._proxies:
            self._proxies[name] = find(client, name)
        return self._proxies[name]

    def _servers(self, client: PerfClient) -> dict[str, Server]:
        if self._events is not None:
            return {"": self._events.state()}
        return read(self._find(client, SERVER), Server) if self.has_requests else {}

    def _threads(self, client: PerfClient) -> list[Row]:
        return [
            Row(worker, thread["ident"], (thread["request"] or {}).get("age"), _text_of(thread))
            for worker, threads in read(self._find(client, "threads"), list[Thread]).items()
            for thread in sorted(threads, key=lambda one: one["request"] is None)
        ]

    def close(self) -> None:
        """Leave."""
        if self._client is not None:
            self._client.close()
        self._client = self._events = None


def _stack(client: PerfClient, row: Row, rows: list[Row]) -> Stack:
    """Return the stack, or nothing when the request or the thread is over."""
    if row.ident is None or row.key not in {one.key for one in rows}:
        return []
    inside = f"workers/{row.worker}/pdm.perf." if row.worker else ""
    with find(client, f"{inside}threads") as threads:
        found = threads.invoke("stack", row.ident)
    return [] if found is None else list(found["stack"])


def _request_rows(servers: dict[str, Server]) -> list[Row]:
    rows = [
        Row(worker, one.get("thread"), one.get("age"), _request(one, "uri"), is_request=True)
        for worker, server in servers.items()
        for one in server.get("in_flight", [])
    ]
    return sorted(rows, key=lambda row: -(row.age or 0.0))


def _request(request: Request, url: str) -> str:
    return f"{request.get('method')} {request.get(url)}"


def _text_of(thread: Thread) -> str:
    name = thread["name"]
    if thread["request"] is not None:
        return f"{name}: {_request(thread['request'], 'url')}"
    file, line, function, _ = thread["stack"][-1]
    return f"{name}: {function} ({file}:{line})"

"""What needs prometheus_client (the extra `cli`): the text format, and serving it over HTTP, in a
thread for each client. Who can reach the address can read the figures, and nothing else.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from prometheus_client import CollectorRegistry, Metric, generate_latest, make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from .._failures import FAILURES, sentence
from .._output import say, warn
from .._text import clean_lines
from ._collect import Family

__all__ = ["Registry", "generate_latest", "serve"]

CLIENT_TIMEOUT = 10.0
"""Seconds that a client may take, from its connection to the last byte of the answer."""

MOST_CLIENTS = 64
"""Connections at once; beyond that the oldest ones are given up. Prometheus needs one."""

PAGE = b'<!DOCTYPE html><title>ashd-pdm</title><a href="/metrics">metrics</a>\n'
HTML, TEXT = "text/html; charset=utf-8", "text/plain; charset=utf-8"


class Registry(CollectorRegistry):
    """Families; those without samples are left out."""

    def __init__(self, families: Iterable[Family]) -> None:
        super().__init__()
        self._families = [family for family in families if family.samples]

    def collect(self) -> Iterator[Metric]:
        """Yield them as prometheus_client has them."""
        for family in self._families:
            name = family.name.removesuffix("_total") if family.kind == "counter" else family.name
            metric = Metric(name, clean_lines(family.help), family.kind)
            for sample, labels, value in family.samples:
                metric.add_sample(sample, labels, value)
            yield metric


def application(target: str, read: Callable[[], list[Family]]) -> WSGIApplication:
    """Return what answers `GET /metrics` with what `read` returns."""

    def run(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        if method not in ("GET", "HEAD"):
            status, kind, body = "405 Method Not Allowed", TEXT, b"use GET\n"
        elif path != "/metrics":
            status, kind, body = "200 OK" if path == "/" else "404 Not Found", HTML, PAGE
        else:
            try:
                answer: WSGIApplication = make_wsgi_app(Registry(read()))
            except FAILURES as exc:
                said = sentence(exc, target)
                warn(said)
                status, kind, body = "502 Bad Gateway", TEXT, f"{said}\n".encode()
            else:
                found = answer({**environ, "REQUEST_METHOD": "GET"}, start_response)
                return found if method == "GET" else []
        start_response(status, [("Content-Type", kind)])
        return [body] if method != "HEAD" else []

    return run


class BoundedServer(ThreadingWSGIServer):
    """Gives up clients that take too long, and the oldest ones when there are too many."""

    seconds = CLIENT_TIMEOUT
    request_queue_size = MOST_CLIENTS  # a client that finds no room there waits for seconds

    def __init__(self, address: tuple[str, int]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._lock = threading.Lock()  # for _clients
        self._clients: dict[socket.socket, float] = {}
        super().__init__(address, _Handler)

    def verify_request(self, *_: object) -> bool:
        """Refuse a client when the threads of those that were given up wait for the daemon."""
        return len(self._clients) < 2 * MOST_CLIENTS

    def process_request(self, request: Any, client_address: object) -> None:
        """Start a thread for a connection."""
        with self._lock:
            self._clients[request] = time.monotonic() + self.seconds
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called by `serve_forever` after each connection, and several times a second."""
        with self._lock:
            surplus, now = len(self._clients) - MOST_CLIENTS, time.monotonic()
            for number, (client, until) in enumerate(self._clients.items()):
                if number < surplus or until <= now:
                    with suppress(OSError):
                        client.shutdown(socket.SHUT_RDWR)

    def shutdown_request(self, request: Any) -> None:
        """Called by the thread of a connection in the end."""
        with self._lock:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """Say what went wrong in the thread of a connection, unless the client only went away."""
        failure = sys.exception()
        if not isinstance(failure, OSError):
            warn(f"can't answer: {failure!r}")


class _Handler(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def serve(address: tuple[str, int], target: str, read: Callable[[], list[Family]]) -> int:
    """Serve until a signal has come."""
    with BoundedServer(address) as server:
        server.set_app(application(target, read))
        for number in (signal.SIGTERM, signal.SIGINT):
            # shutdown waits for the loop that the handler interrupts, so another thread calls it
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        say(f"serving http://{host}:{server.server_port}/metrics")
        server.serve_forever(poll_interval=0.1)
    return 0

"""Serves the metrics over HTTP, by prometheus_client (the extra `cli`), until a signal comes.

Each client has a thread of its own. Who can reach the address can read the figures, and nothing
else: the debug socket is not passed on.
"""

from __future__ import annotations

import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from .._failures import FAILURES, sentence
from .._output import say, warn
from ._registry import registry_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from ._families import Family


CLIENT_TIMEOUT = 10.0
"""Seconds that a client may take, from its connection to the last byte of the answer."""

MOST_CLIENTS = 64
"""Connections at once; beyond that the oldest one is given up. Prometheus needs one."""

PAGE = b'<!DOCTYPE html><title>ashd-pdm</title><a href="/metrics">metrics</a>\n'


def application(target: str, read: Callable[[], list[Family]]) -> WSGIApplication:
    """Return what answers `GET /metrics` with what `read` returns."""

    def run(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        kind = "text/plain; charset=utf-8"
        if method not in ("GET", "HEAD"):
            status, body = "405 Method Not Allowed", b"use GET\n"
        elif path != "/metrics":
            status, body = "200 OK" if path == "/" else "404 Not Found", PAGE
            kind = "text/html; charset=utf-8"
        else:
            try:
                answer: WSGIApplication = make_wsgi_app(registry_of(read()))
            except FAILURES as exc:
                status, body = "502 Bad Gateway", f"{sentence(exc, target)}\n".encode()
                warn(sentence(exc, target))
            else:
                found = answer({**environ, "REQUEST_METHOD": "GET"}, start_response)
                return found if method == "GET" else []
        start_response(status, [("Content-Type", kind)])
        return [body] if method != "HEAD" else []

    return run


class BoundedServer(ThreadingWSGIServer):
    """Gives up clients that take too long, and the oldest one when there are too many."""

    seconds = CLIENT_TIMEOUT
    request_queue_size = MOST_CLIENTS  # a client that finds no room there waits for seconds

    def __init__(self, address: tuple[str, int]) -> None:
        self.address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._lock = threading.Lock()  # for _clients
        self._clients: dict[socket.socket, float] = {}
        super().__init__(address, _Handler)

    def process_request(self, request: Any, client_address: object) -> None:
        """Start a thread for a connection, if there is room."""
        with self._lock:
            for oldest in list(self._clients)[: max(0, len(self._clients) + 1 - MOST_CLIENTS)]:
                _abort(oldest)
            if len(self._clients) >= 2 * MOST_CLIENTS:  # their threads wait for the daemon
                request.close()
                return
            self._clients[request] = time.monotonic() + self.seconds
        super().process_request(request, client_address)

    def service_actions(self) -> None:
        """Called by `serve_forever` several times a second."""
        now = time.monotonic()
        with self._lock:
            for client, until in self._clients.items():
                if until <= now:
                    _abort(client)

    def shutdown_request(self, request: Any) -> None:
        """Called by the thread of a connection in the end."""
        with self._lock:
            self._clients.pop(request, None)
        super().shutdown_request(request)

    def handle_error(self, *_: object) -> None:
        """Say what went wrong in the thread of a connection, unless the client only went away."""
        failure = sys.exception()
        if failure is not None and not isinstance(failure, OSError):
            warn(f"can't answer: {failure!r}")


def _abort(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


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

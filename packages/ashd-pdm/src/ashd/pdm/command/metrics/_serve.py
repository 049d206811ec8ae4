"""Serves the metrics over HTTP until a signal comes. Each client has a thread of its own.

Who can reach the address can read the figures, and nothing else: the debug socket is not passed on.
"""

from __future__ import annotations

import http.server
import ipaddress
import signal
import socket
import sys
import threading
import time
from contextlib import suppress
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ashd.pdm._errors import SpecError
from ashd.pdm.command._failures import FAILURES, sentence
from ashd.pdm.command._output import say, warn
from ashd.pdm.command.metrics._format import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_TIMEOUT = 10.0
"""Seconds that a client may take, from its connection to the last byte of the answer."""

MOST_CLIENTS = 64
"""Connections at once; beyond that the oldest one is given up. Prometheus needs one."""

PAGE = b'<!DOCTYPE html><title>ashd-pdm</title><a href="/metrics">metrics</a>\n'


def parse_address(text: str) -> tuple[str, int]:
    """Read `ADDRESS:PORT` or `[v6]:PORT`; `SpecError` for anything else."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    try:
        ipaddress.ip_address(host or "?")
    except ValueError:
        host = host if host == "localhost" else ""
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 65536):
        raise SpecError(f"can't listen on {text!r}: use ADDRESS:PORT, as in 127.0.0.1:9100")
    return host, int(port)


class BoundedServer(http.server.ThreadingHTTPServer):
    """Gives up clients that take too long, and the oldest one when there are too many."""

    daemon_threads = True
    block_on_close = False
    seconds = CLIENT_TIMEOUT

    def __init__(self, *arguments: Any) -> None:
        self._lock = threading.Lock()  # for _clients
        self._clients: dict[socket.socket, float] = {}
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
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

    def handle_error(self, *_: Any) -> None:
        """Say what went wrong in the thread of a connection, unless the client only went away."""
        failure = sys.exception()
        if failure is not None and not isinstance(failure, OSError):
            warn(f"can't answer: {failure!r}")


def _abort(client: socket.socket) -> None:
    with suppress(OSError):
        client.shutdown(socket.SHUT_RDWR)


def metrics_server(
    address: tuple[str, int],
    target: str,
    read: Callable[[], str],
    seconds: float = CLIENT_TIMEOUT,
) -> BoundedServer:
    """Return a server that answers `GET /metrics` with what `read` returns. Close it."""

    class Handler(_Handler):
        metrics = staticmethod(read)
        where = target
        timeout = seconds

    class Server(BoundedServer):
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    server = Server(address, Handler)
    server.seconds = seconds
    return server


def serve(address: tuple[str, int], target: str, read: Callable[[], str]) -> int:
    """Serve until a signal has come."""
    with metrics_server(address, target, read) as server:
        for number in (signal.SIGTERM, signal.SIGINT):
            # shutdown waits for the loop that the handler interrupts, so another thread calls it
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        host = f"[{address[0]}]" if ":" in address[0] else address[0]
        say(f"serving http://{host}:{server.server_port}/metrics")
        server.serve_forever(poll_interval=0.1)
    return 0


class _Handler(http.server.BaseHTTPRequestHandler):
    metrics: Callable[[], str]
    where: str

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            found = self.path == "/"
            status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
            self._answer(status, "text/html; charset=utf-8", PAGE)
            return
        try:
            text = self.metrics()
        except FAILURES as exc:
            said = sentence(exc, self.where)
            warn(said)
            self._answer(HTTPStatus.BAD_GATEWAY, "text/plain; charset=utf-8", f"{said}\n".encode())
            return
        self._answer(HTTPStatus.OK, CONTENT_TYPE, text.encode())

    do_HEAD = do_GET  # noqa: N815

    def _answer(self, status: HTTPStatus, kind: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass

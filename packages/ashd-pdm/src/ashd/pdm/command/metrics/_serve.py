"""Serves the metrics over HTTP, to one client after another, until a signal comes.

Who can reach the address can read the figures, and nothing else: the debug socket is not passed on.
"""

from __future__ import annotations

import http.server
import ipaddress
import signal
import socket
import threading
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

from ashd.pdm._errors import PdmError, SpecError
from ashd.pdm.command._failures import sentence
from ashd.pdm.command._output import say, warn
from ashd.pdm.command.metrics._format import CONTENT_TYPE

if TYPE_CHECKING:
    from collections.abc import Callable

CLIENT_TIMEOUT = 10.0
"""Seconds that a client may take for its request, so that none holds up the next one."""

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


def serve(address: tuple[str, int], target: str, read: Callable[[], str]) -> int:
    """Answer `GET /metrics` with what `read` returns. Returns when a signal has come."""

    class Handler(_Handler):
        metrics = staticmethod(read)
        where = target

    class Server(http.server.HTTPServer):
        address_family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET

    with Server(address, Handler) as server:
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
    timeout = CLIENT_TIMEOUT

    def do_GET(self) -> None:
        if self.path.partition("?")[0] != "/metrics":
            found = self.path == "/"
            status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
            self._answer(status, "text/html; charset=utf-8", PAGE)
            return
        try:
            text = self.metrics()
        except (PdmError, OSError) as exc:
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

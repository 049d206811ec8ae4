"""What nginx reads in a stream of requests, by what it passes on to the server behind it.

with NginxReader(folder) as nginx:
    nginx.read(b"GET / HTTP/1.1...")
"""

from __future__ import annotations

import re
import socket
import subprocess
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from .outside import find
from .processes import DEADLINE, wait_until

# Bounds as large as ours, so that they make no difference.
_CONFIGURATION = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 64; }}
http {{
    access_log off; lingering_close off; lingering_timeout 20ms;
    client_max_body_size 1g; client_header_buffer_size 64k; large_client_header_buffers 4 64k;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen unix:{folder}/front;
        location / {{
            proxy_pass http://unix:{folder}/back;
            proxy_ignore_client_abort on;
            proxy_set_header Host $host;
        }}
    }}
}}
"""
_ANSWER = b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n"
_GOOD = (b"100", b"200")
_STATUS = re.compile(rb"^HTTP/1\.[01] (\d\d\d)", re.MULTILINE)
_HOST = re.compile(rb"(?im)^host: *([^\r]*)\r$")
_LENGTH = re.compile(rb"(?im)^content-length: *(\d+)\r$")

Passed = tuple[bytes, bytes, bytes, bytes]
"""A method, a target, a host without port and in lower case, and a body."""


class NginxReader:
    """An nginx, and a server behind it that answers everything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._passed: list[Passed] = []
        self._back = socket.socket(socket.AF_UNIX)
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._back.bind(str(self._folder / "back"))
        self._back.listen()
        self._thread.start()
        configuration = self._folder / "nginx.conf"
        configuration.write_text(_CONFIGURATION.format(folder=self._folder))
        program = find("nginx")
        assert program is not None
        command = [program, "-p", str(self._folder), "-c", str(configuration), "-e", "stderr"]
        self._process = subprocess.Popen(command)
        wait_until((self._folder / "front").exists)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()
        self._process.wait(DEADLINE)
        self._back.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        self._back.close()

    def read(self, data: bytes) -> tuple[list[Passed], bool]:
        """Return what is passed on of a stream, and whether the rest is refused."""
        self._passed = []
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(DEADLINE)
            client.connect(str(self._folder / "front"))
            answers = b""
            try:
                client.sendall(data)
                client.shutdown(socket.SHUT_WR)
            except OSError:  # it has refused already, and closed
                pass
            while piece := _receive(client):
                answers += piece
        return self._passed, any(status not in _GOOD for status in _STATUS.findall(answers))

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._back.accept()
            except OSError:
                return
            with connection:
                self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(1 << 16)
        head, _, body = received.partition(b"\r\n\r\n")
        head += b"\r"
        length, host = _LENGTH.search(head), _HOST.search(head)
        while length is not None and len(body) < int(length[1]):
            body += connection.recv(1 << 16)
        method, target, _ = head.partition(b"\r\n")[0].split(b" ")
        self._passed.append((method, target, host[1] if host else b"", body))
        connection.sendall(_ANSWER)


def _receive(client: socket.socket) -> bytes:
    try:
        return client.recv(1 << 16)
    except ConnectionResetError:
        return b""

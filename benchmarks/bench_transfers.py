"""A gigabyte down and up: front end and handler, beside nginx as a proxy for a bare server."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from _measure import Benchmark, BenchmarkError, Sample
from _programs import Setup, front_end, memory, meter, server

from ashdtest.processes import free_port, wait_until

GIGABYTE = 10**9
PIECE = 1 << 18
YARDSTICK = "nginx, and a bare server"

ABOUT = """
The application sends a file, and reads a body. nginx is a proxy (without temporary files) for a
program that sends by `sendfile(2)` and reads by `recv(2)`, whose CPU time is not counted.
"""

APPLICATION = """
import os

def application(environ, start_response):
    while environ["wsgi.input"].read(1 << 18):
        pass
    size = int(environ["QUERY_STRING"] or 0)
    start_response("200 OK", [("Content-Length", str(size))])
    return environ["wsgi.file_wrapper"](open("gigabyte", "rb"))
"""

BARE = """
import os, re, socket, sys
listener = socket.create_server(sys.argv[1], family=socket.AF_UNIX)
buffer = bytearray(1 << 18)
file = os.open("gigabyte", os.O_RDONLY)
while True:
    client, _ = listener.accept()
    with client:
        head = b""
        while b"\\r\\n\\r\\n" not in head:
            head += client.recv(1 << 16)
        head, _, body = head.partition(b"\\r\\n\\r\\n")
        length = re.search(rb"Content-Length: (\\d+)", head)
        left = int(length[1]) - len(body) if length else 0
        while left > 0:
            left -= client.recv_into(buffer)
        size = int(head.split()[1].partition(b"?")[2] or 0)
        client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n" % size)
        sent = 0
        while sent < size:
            sent += os.sendfile(client.fileno(), file, sent, size - sent)
"""

NGINX = """
daemon off; master_process off; pid nginx.pid; error_log stderr;
events {{ worker_connections 64; }}
http {{
    access_log off; client_max_body_size 0;
    client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t;
    scgi_temp_path t;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://unix:{folder}/bare.sock:; proxy_http_version 1.1;
            proxy_request_buffering off; proxy_max_temp_file_size 0;
        }}
    }}
}}
"""


def exchange(port: int, request: str, body: int, expected: int) -> float:
    """Send a request with a body; return the seconds to the end of its response."""
    piece, buffer = memoryview(bytes(PIECE)), bytearray(PIECE)
    head = f"{request} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {body}\r\n\r\n"
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(head.encode())
        while body:
            body -= sock.send(piece[:body])
        received = 0
        while count := sock.recv_into(buffer):
            received += count
    if received <= expected:
        raise BenchmarkError(f"{request}: only {received} bytes came")
    return time.perf_counter() - started


def measure(setup: Setup, command: Sequence[str], port: int) -> Sample:
    """Let a server send and take a file."""
    size = setup.part_of(GIGABYTE)
    os.truncate(setup.folder / "gigabyte", size)
    parts: Sample = {}
    with server(command, port, setup.folder) as pid:
        for part, request, body, expected in (
            ("Down", f"GET /?{size}", 0, size),
            ("Up", "POST /", size, 0),
        ):
            used = meter(pid)
            seconds = exchange(port, request, body, expected)
            cpu = tuple(each * 1e3 * GIGABYTE / size for each in used())
            parts[part] = {"MB/s": size / seconds / 1e6, "CPU ms/GB": cpu, "memory MB": memory(pid)}
    return parts


def ours(setup: Setup, programs: Path) -> Sample:
    """Measure our front end with a handler."""
    port = free_port()
    handler = setup.wsgi(programs, "-t", "pool", module="transfers")
    return measure(setup, front_end(programs, port, handler), port)


def nginx(setup: Setup, program: str) -> Sample:
    """Measure nginx, with a bare server beside it."""
    port = free_port()
    config = setup.folder / "nginx.conf"
    config.write_text(NGINX.format(port=port, folder=setup.folder), encoding="utf-8")
    address = setup.folder / "bare.sock"
    with subprocess.Popen([sys.executable, "-c", BARE, address], cwd=setup.folder) as bare:
        try:
            wait_until(address.exists)
            return measure(setup, [program, "-p", f"{setup.folder}/", "-c", str(config)], port)
        finally:
            bare.kill()
            address.unlink()


def benchmark(setup: Setup) -> Benchmark:
    (setup.folder / "transfers.py").write_text(APPLICATION, encoding="utf-8")
    (setup.folder / "gigabyte").touch()
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    cases = {YARDSTICK: partial(nginx, setup, found)} if found else {}
    for label, programs in setup.installations.items():
        cases[label] = partial(ours, setup, programs)
    return Benchmark("A gigabyte", ABOUT, cases, YARDSTICK)

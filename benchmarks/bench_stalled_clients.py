"""What clients that stall cost a good one: a request's latency beside a thousand of each kind.

The front end runs with its defaults. Each kind of client stalls in its own place. The last kind
asks for 10 MB and reads none of it; there the good requests begin at once.

    python benchmarks/bench_stalled_clients.py
"""

from __future__ import annotations

import contextlib
import resource
import socket
import tempfile
import time
from pathlib import Path

from _measure import installed, server, table

from ashdtest.processes import free_port

CLIENTS = 1000
SECONDS = 1.0
SETTLING = 2.0
GET = b"GET /0 HTTP/1.0\r\n\r\n"

APPLICATION = """
def application(environ, start_response):
    size = int(environ["PATH_INFO"][1:])
    start_response("200 OK", [("Content-Length", str(size))])
    return iter([b"x" * (1 << 16)] * (size >> 16) + [b"x" * (size % (1 << 16))])
"""

KINDS = {
    "silence": b"",
    "half a head": b"GET /0 HTTP/1.1\r\nHost: a\r\n",
    "half a small body": b"POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nabc",
    "half a large body": b"POST /0 HTTP/1.1\r\nHost: a\r\nContent-Length: 999999\r\n\r\nabc",
    "idle": b"GET /0 HTTP/1.1\r\nHost: a\r\n\r\n",
    "reads nothing": b"GET /10000000 HTTP/1.1\r\nHost: a\r\n\r\n",
}


def latency(port: int) -> float:
    """Return the seconds that a good request takes, from its connection on."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), timeout=60) as sock:
        sock.sendall(GET)
        while sock.recv(1 << 16):
            pass
    return time.monotonic() - begin


def measure(folder: Path, data: bytes, options: list[str], *, at_once: bool) -> list[float]:
    """Return the latencies of good requests, one after another for a while."""
    port = free_port()
    command = [installed("ashd-htparser"), f"plain:port={port},bind=127.0.0.1", *options, "--"]
    command += [installed("ashd-wsgi"), "-p", str(folder), "-A", "sizes"]
    with server(command, port, folder), contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            sock = socket.create_connection(("127.0.0.1", port), timeout=60)
            stack.enter_context(sock).sendall(data)
        if not at_once:
            time.sleep(SETTLING)
        latencies = []
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            latencies.append(latency(port))
        return latencies


def main() -> None:
    """Print a table: how long good requests take beside each kind of client."""
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (4 * CLIENTS, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    )
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "sizes.py").write_text(APPLICATION)
        for kind, data in KINDS.items():
            busy = kind == "reads nothing"  # these don't give way: there must be one more place
            options = [f"--connections={CLIENTS + 1}"] if busy else []
            latencies = sorted(measure(folder, data, options, at_once=busy))
            middle, longest = latencies[len(latencies) // 2], latencies[-1]
            rows.append([kind, str(len(latencies)), f"{middle * 1e3:.1f}", f"{longest * 1e3:.1f}"])
    heads = ["they send", "good requests", "median ms", "longest ms"]
    print(table(f"Good requests beside {CLIENTS} clients that stall", heads, rows))


if __name__ == "__main__":
    main()

"""Requests a second over HTTP: front end and handler, beside other servers, in the same run.

All serve the same application and run in turn; the figures are those of the best of several rounds.
CPU time is that of all processes of a server.

    python benchmarks/bench_http.py
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from _measure import Figures, best, free_port, installed, load_server, server, table, workshop

ROUNDS = 4
REQUESTS = 8_000
WARM_UP = 1_000
THREADS = 16
YARDSTICK = "waitress"


def ashd(folder: Path, port: int, model: str) -> list[str]:
    """Return the command of our front end and handler."""
    front_end = [installed("ashd-htparser"), f"plain:port={port},bind=127.0.0.1", "--"]
    return [*front_end, installed("ashd-wsgi"), "-p", str(folder), "-A", "-t", model, "hello"]


def waitress(_folder: Path, port: int) -> list[str]:
    """Return the command of waitress."""
    listen = f"--listen=127.0.0.1:{port}"
    return [installed("waitress-serve"), listen, f"--threads={THREADS}", "hello:application"]


def gunicorn(_folder: Path, port: int) -> list[str]:
    """Return the command of gunicorn."""
    options = ["--worker-class=gthread", f"--threads={THREADS}", "--log-level=error"]
    return [installed("gunicorn"), f"--bind=127.0.0.1:{port}", *options, "hello:application"]


SERVERS: dict[str, Callable[[Path, int], list[str]]] = {
    "ashd, single": lambda folder, port: ashd(folder, port, "single"),
    "ashd, pool": lambda folder, port: ashd(folder, port, f"pool:max={THREADS}"),
    "ashd, free": lambda folder, port: ashd(folder, port, "free"),
    YARDSTICK: waitress,
    "gunicorn": gunicorn,
}


def measure(folder: Path, command: Callable[[Path, int], list[str]]) -> Figures:
    """Run one server under load."""
    port = free_port()
    with server(command(folder, port), port, folder) as pid:
        load_server(folder, port, WARM_UP, pid)
        return load_server(folder, port, REQUESTS, pid)


def main() -> None:
    """Print the table."""
    missing = [name for name in ("waitress", "gunicorn") if not importlib.util.find_spec(name)]
    if missing:
        sys.exit(f"To be compared with, install {' and '.join(missing)} (pip install ...).")
    runs: dict[str, list[Figures]] = {name: [] for name in SERVERS}
    with workshop() as folder:
        for _ in range(ROUNDS):
            for name, command in SERVERS.items():
                runs[name].append(measure(folder, command))
    results = {name: best(each) for name, each in runs.items()}
    yardstick = results[YARDSTICK].requests_per_second
    rows = [
        [
            name,
            f"{each.requests_per_second:,.0f}",
            f"{each.p50:,.0f}",
            f"{each.p99:,.0f}",
            f"{each.cpu:.1f}",
            f"{each.requests_per_second / yardstick:.1f}",
        ]
        for name, each in results.items()
    ]
    heads = ["server", "requests/s", "p50 us", "p99 us", "CPU us/request", f"of {YARDSTICK}"]
    sys.stdout.write(table("The whole way over HTTP, 16 connections", heads, rows))


if __name__ == "__main__":
    main()

"""Requests a second over HTTP: front end and handler, beside other servers, in the same run.

All serve the same application and run in turn; each figure is the median of several rounds.
CPU time is that of all processes of a server.

    python benchmarks/bench_http.py
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

from _measure import (
    HEADS,
    Figures,
    compared,
    in_turn,
    installed,
    load_server,
    server,
    table,
    workshop,
)

from ashdtest.processes import free_port

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
    with workshop() as folder:
        results = in_turn(SERVERS, lambda command: measure(folder, command), ROUNDS)
    rows = compared(results, YARDSTICK)
    sys.stdout.write(table("The whole way over HTTP, 16 connections", HEADS, rows))


if __name__ == "__main__":
    main()

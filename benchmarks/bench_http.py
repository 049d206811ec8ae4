"""The whole way over HTTP: front end and handler, beside other servers of the same application."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from _measure import Benchmark, BenchmarkError, Sample, total
from _programs import Setup, front_end, installed, load, memory, server, wrk

from ashdtest.processes import free_port

THREADS = 16
YARDSTICK = "waitress"
Command = Sequence[str]
"""Words, with "{port}" in them."""

ABOUT = f"""
All serve the same application. Threaded servers have {THREADS} threads, others one for the
application; ashd and uWSGI speak HTTP in a process of its own. CPU time is that of each process
that uses any. Where requests come at half that rate, they have a browser's headers, and their
latency begins when they are due; one request/connection means that the server closes them.
"""

PEERS = {
    YARDSTICK: f"""waitress-serve --listen=127.0.0.1:{{port}} --threads={THREADS}
        --connection-limit=2000 --asyncore-use-poll hello:application""",
    "gunicorn gthread": f"""gunicorn -b 127.0.0.1:{{port}} -k gthread --threads={THREADS}
        --log-level=error hello:application""",
    "gunicorn sync": "gunicorn -b 127.0.0.1:{port} --log-level=error hello:application",
    # Without a Unix socket, uWSGI makes a TCP connection between its processes for each request.
    "uWSGI": """uwsgi --http 127.0.0.1:{port} --http-keepalive --socket uwsgi.sock --master
        --module hello --die-on-term --disable-logging --listen 1024""",
    "granian": """granian --interface wsgi --host 127.0.0.1 --port {port} --no-ws
        --log-level error hello:application""",
}

OURS = {
    "single": ("single", "1"),
    "pool": (f"pool:max={THREADS}", "1"),
    "free": ("free", "1"),
    "single --processes 2": ("single", "2"),
    "pool --processes 2": (f"pool:max={THREADS}", "2"),
}
"""Model, and number of front ends."""


def ours(setup: Setup, programs: Path, model: str, processes: str) -> Command:
    """Return the command of our front end and handler."""
    handler = setup.wsgi(programs, "-t", model)
    return front_end(programs, "{port}", handler, f"--processes={processes}")


def saturated(setup: Setup, command: Command) -> Sample:
    """Load a server over 16 connections."""
    return _measure(setup, command, all_parts=False)


def _measure(setup: Setup, command: Command, *, all_parts: bool = True) -> Sample:
    port = free_port()
    with server([word.format(port=port) for word in command], port, setup.folder) as pid:
        load(setup, port, pid, setup.requests // 10)
        parts = {"16 connections": wrk(setup, port, pid, 16)}
        if all_parts:
            parts["256 connections"] = wrk(setup, port, pid, 256) | {"memory MB": memory(pid)}
            rate = total(parts["16 connections"]["requests/s"]) / 2
            requests = int(rate * setup.seconds)
            half = load(setup, port, pid, requests, rate)
            parts["Half the requests of 16 connections"] = half
    return parts


def benchmark(setup: Setup) -> Benchmark:
    if not shutil.which("wrk"):
        raise BenchmarkError("wrk is not here (Debian: apt install wrk)")
    commands = {
        f"{label} {name}": ours(setup, programs, *how)
        for label, programs in setup.installations.items()
        for name, how in OURS.items()
    }
    missing = []
    for name, text in PEERS.items():
        program, *arguments = text.split()
        if path := installed(program):
            commands[name] = [path, *arguments]
        else:
            missing.append(name)
    about = ABOUT + f"Not here, and so not compared: {', '.join(missing)}.\n" * bool(missing)
    cases = {name: partial(_measure, setup, command) for name, command in commands.items()}
    return Benchmark("The whole way over HTTP", about, cases, YARDSTICK)

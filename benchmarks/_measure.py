"""What the benchmarks share: rounds in turn, load, processes, CPU time, and tables.

Programs are started by the tests' own helpers (tests/support). Not a benchmark itself.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import TypeVar

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from ashdtest.handlers import Handler
from ashdtest.processes import children, wait_until

T = TypeVar("T")

HERE = Path(__file__).parent
IN_FLIGHT = 16
"""Requests at a time: enough for every thread of a pool to have work, as on a busy site."""

START = 30.0
"""Seconds that a server may take to start."""

HELLO = """
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "13")]

def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [b"Hello, world!"]
"""


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run has given. Latencies and CPU time are in microseconds."""

    requests_per_second: float
    p50: float
    p99: float
    cpu: float
    """Of all processes that serve, for each request."""


def middle(runs: Sequence[Figures]) -> Figures:
    """Return the median of each figure."""
    return Figures(*map(statistics.median, zip(*map(astuple, runs), strict=True)))


def in_turn(
    cases: Mapping[str, T], measure: Callable[[T], Figures], rounds: int
) -> dict[str, Figures]:
    """Measure each case once a round, so that what else goes on meets all of them alike."""
    runs: dict[str, list[Figures]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, case in cases.items():
            runs[name].append(measure(case))
    return {name: middle(each) for name, each in runs.items()}


def compared(results: Mapping[str, Figures], yardstick: str) -> list[list[str]]:
    """Return rows for `HEADS`: each result, and its ratio to the one that is named."""
    limit = results[yardstick].requests_per_second
    return [
        [
            name,
            f"{each.requests_per_second:,.0f}",
            f"{each.p50:,.0f}",
            f"{each.p99:,.0f}",
            f"{each.cpu:.1f}",
            f"{each.requests_per_second / limit:.3f}",
        ]
        for name, each in results.items()
    ]


HEADS = ["", "requests/s", "p50 us", "p99 us", "CPU us/request", "ratio"]


@contextmanager
def workshop() -> Iterator[Path]:
    """Give a folder with the compiled programs `load` and `loop`, and the module `hello`."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        sys.exit(
            "The load is made by a small C program, for Python would measure itself: install a C "
            "compiler (Debian: apt install gcc libc6-dev) and try again."
        )
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for program in ("load", "loop"):
            source = HERE / f"{program}.c"
            subprocess.run([compiler, "-O2", "-o", folder / program, source], check=True)
        (folder / "hello.py").write_text(HELLO, encoding="utf-8")
        yield folder


def installed(name: str) -> str:
    """Return a command that is installed beside this Python, or a bare name to look for."""
    path = Path(sys.executable).parent / name
    return str(path) if path.exists() else name


# Load


def load_handler(folder: Path, handler: Handler, requests: int) -> Figures:
    """Send requests to a handler over its socket."""
    return _load(folder, ["ashd"], requests, [handler.process.pid], handler.socket)


def load_server(folder: Path, port: int, requests: int, pid: int) -> Figures:
    """Send requests to an HTTP server, over connections that are kept."""
    return _load(folder, ["http"], requests, family(pid), None, str(port))


def _load(
    folder: Path,
    kind: list[str],
    requests: int,
    pids: Iterable[int],
    stdin: socket.socket | None,
    *port: str,
) -> Figures:
    pids = list(pids)
    before = sum(map(cpu_seconds, pids))
    output = subprocess.run(
        [folder / "load", *kind, str(requests), str(IN_FLIGHT), *port],
        stdin=subprocess.DEVNULL if stdin is None else stdin.fileno(),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout
    used = sum(map(cpu_seconds, pids)) - before
    rate, p50, p99, _, wrong = map(float, output.split())
    if wrong:
        sys.exit(f"{wrong:.0f} responses were wrong; the figures would say nothing")
    return Figures(rate, p50, p99, used / requests * 1e6)


# Processes


@contextmanager
def server(argv: Sequence[str], port: int, cwd: Path) -> Iterator[int]:
    """Run an HTTP server until the block ends; give its process ID once it takes connections."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stderr=log, stdout=log)
        try:
            wait_until(lambda: _listens(port) or process.poll() is not None, START, argv[0])
            if process.poll() is not None:
                sys.exit(f"{argv[0]} does not start:\n{os.pread(log.fileno(), 9999, 0).decode()}")
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def cpu_seconds(pid: int) -> float:
    """Return the CPU time that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *(one for child in children(pid) for one in family(child))]


# Tables


def table(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table as text: the first column to the left, the others to the right."""
    lines = [list(heads), *(list(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(heads))]
    text = [
        "  ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        for line in lines
    ]
    rule = "-" * len(text[0])
    return "\n".join([title, "", text[0], rule, *text[1:], ""])

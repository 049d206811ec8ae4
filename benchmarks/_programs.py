"""The programs that are measured, the load on them, and what it costs them (Linux: reads /proc).

Programs are started by the tests' own helpers (tests/support).
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from _measure import BenchmarkError, Part

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from ashdtest.handlers import Handler
from ashdtest.processes import children, wait_until

HERE = Path(__file__).parent
IN_FLIGHT = 16
"""Requests at a time: enough for every thread of a pool to have work, as on a busy site."""

START = 30.0
"""Seconds that a server may take to start."""

PAUSE = 0.05
"""Seconds in which a program that is still starting uses CPU time."""

REQUESTS = 6000
"""Requests for each second that is asked for: about what the slowest model does."""

WHOLE = 2.0
"""Seconds for a measurement at which nothing is made smaller."""

HELLO = """
HEADERS = [("Content-Type", "text/plain"), ("Content-Length", "13")]

def application(environ, start_response):
    start_response("200 OK", HEADERS)
    return [b"Hello, world!"]
"""

WRK = """
done = function(summary, latency, requests)
  local e = summary.errors
  io.write("figures ", summary.requests, " ", summary.duration, " ", latency:percentile(50), " ",
           latency:percentile(99), " ", latency:percentile(99.9), " ",
           e.connect + e.read + e.write + e.timeout, " ", e.status, "\\n")
end
"""


@dataclass(frozen=True, slots=True)
class Setup:
    """What all benchmarks are told. The folder has `load`, `loop`, `wrk.lua`, and `hello.py`."""

    folder: Path
    seconds: float
    installations: Mapping[str, Path]
    """Folders with ashd's programs, by what their rows begin with."""

    @property
    def requests(self) -> int:
        return max(200, int(REQUESTS * self.seconds))

    def part_of(self, number: int) -> int:
        """Return what is left of a number where less than `WHOLE` seconds are asked for."""
        return max(1, int(number * min(1.0, self.seconds / WHOLE)))

    def wsgi(self, programs: Path, *options: str, module: str = "hello") -> list[str]:
        """Return the command of a handler."""
        return [str(programs / "ashd-wsgi"), "-p", str(self.folder), *options, "-A", module]


@contextmanager
def workshop(seconds: float, installations: Mapping[str, Path]) -> Iterator[Setup]:
    """Compile the C programs, and write the others, into a folder that goes with the block."""
    compiler = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
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
        (folder / "wrk.lua").write_text(WRK, encoding="utf-8")
        yield Setup(folder, seconds, installations)


def installed(name: str) -> str | None:
    """Find a command, first beside this Python."""
    return shutil.which(name, path=f"{Path(sys.executable).parent}:{os.environ['PATH']}")


def front_end(programs: Path, port: object, handler: Sequence[str], *options: str) -> list[str]:
    """Return the command of a front end with a handler."""
    command = [str(programs / "ashd-htparser"), *options, f"plain:port={port},bind=127.0.0.1", "--"]
    return [*command, *handler]


@contextmanager
def server(argv: Sequence[str], port: int, cwd: Path) -> Iterator[int]:
    """Run an HTTP server until the block ends; give its process ID once it answers."""
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(argv, cwd=cwd, stdin=subprocess.DEVNULL, stderr=log, stdout=log)
        try:
            wait_until(lambda: _answers(port) or process.poll() is not None, START, argv[0])
            if process.poll() is not None:
                said = os.pread(log.fileno(), 9999, 0).decode()
                raise BenchmarkError(f"{argv[0]} does not start:\n{said}")
            settle(process.pid)
            yield process.pid
        finally:
            process.terminate()
            process.wait()


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=START)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def load(setup: Setup, to: Handler | int, pid: int, requests: int, rate: float = 0) -> Part:
    """Send requests to a handler, or to a port over kept connections: always 16, or at a rate."""
    port, stdin = (to, subprocess.DEVNULL) if isinstance(to, int) else ("ashd", to.socket.fileno())
    argv = [str(setup.folder / "load"), str(port), str(requests), str(IN_FLIGHT)]
    argv += [str(rate)] * bool(rate)
    used = meter(pid)
    done = subprocess.run(argv, stdin=stdin, stdout=subprocess.PIPE, text=True, check=True)
    cpu = _cpu(used(), requests)
    reached, *latencies, wrong, connections = map(float, done.stdout.split())
    if wrong:
        raise BenchmarkError(f"{wrong:.0f} responses were wrong")
    kept: Part = {"requests/connection": requests / connections} if connections else {}
    return {"requests/s": reached} | cpu | _latencies(latencies) | kept


def wrk(setup: Setup, port: int, pid: int, connections: int) -> Part:
    """Load an HTTP server with wrk, for as many seconds as are asked for."""
    script = ["-s", str(setup.folder / "wrk.lua"), f"http://127.0.0.1:{port}/"]
    duration = f"{max(1, round(setup.seconds))}s"
    argv = ["wrk", "-t1", f"-c{connections}", f"-d{duration}", "--timeout=10s", *script]
    used = meter(pid)
    output = subprocess.run(argv, stdout=subprocess.PIPE, text=True, check=True).stdout
    seconds = used()
    line = next(line for line in output.splitlines() if line.startswith("figures "))
    requests, duration_us, *latencies, errors, wrong = map(float, line.split()[1:])
    if wrong or not requests:
        raise BenchmarkError(f"{wrong:.0f} of {requests:.0f} responses were wrong")
    cpu = _cpu(seconds, requests)
    rate = requests / duration_us * 1e6
    return {"requests/s": rate} | cpu | _latencies(latencies) | {"errors": errors}


def _latencies(figures: Sequence[float]) -> Part:
    return dict(zip(("p50 us", "p99 us", "p99.9 us"), figures, strict=True))


def _cpu(used: Sequence[float], requests: float) -> Part:
    return {"CPU us/request": tuple(seconds / requests * 1e6 for seconds in used)}


def meter(pid: int) -> Callable[[], tuple[float, ...]]:
    """Return what tells the CPU seconds that each of a family of processes uses from now on."""
    before = {each: cpu_seconds(each) for each in family(pid)}
    return lambda: tuple(cpu_seconds(each) - then for each, then in before.items())


def cpu_seconds(pid: int) -> float:
    """Return the CPU time of a process, with that of its threads that have ended."""
    return time.clock_gettime(~pid << 3 | 2)  # clock_getcpuclockid(3), which Python doesn't have


def settle(pid: int) -> None:
    """Wait until a process and its family have started, and do nothing more."""

    def rests() -> bool:
        used = meter(pid)
        time.sleep(PAUSE)
        return sum(used()) < PAUSE / 50

    wait_until(rests, START)


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    return [pid, *(one for child in children(pid) for one in family(child))]


def memory(pid: int) -> float:
    """Return the memory of a process and its family in MB, shared pages counted once (PSS)."""
    texts = (Path(f"/proc/{each}/smaps_rollup").read_text("ascii") for each in family(pid))
    return sum(int(text.partition("\nPss:")[2].split()[0]) for text in texts) * 1024 / 1e6

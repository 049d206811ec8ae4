"""From exec to the first answer, beside Python itself with what any such program needs.

dirplex starts handlers on demand: a visitor waits for this.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from _measure import Benchmark, Sample
from _programs import Setup, front_end, server

from ashdtest.handlers import running
from ashdtest.processes import MODELS, free_port

TIMES = 7
YARDSTICK = "python -c 'import socket, logging, threading'"
ABOUT = """
From exec to the first answer, the fastest of {times}. The bound for handlers is a ratio of 2.5.
"""


def start_python() -> float:
    """Run the yardstick to its end; return when that was."""
    subprocess.run([sys.executable, "-c", "import socket, logging, threading"], check=True)
    return time.perf_counter()


def start_handler(argv: Sequence[str]) -> float:
    """Start a handler; return when its first answer came."""
    with running(argv) as handler:
        handler.call(b"/")
        return time.perf_counter()


def start_site(setup: Setup, programs: Path) -> float:
    """Start a front end with a handler; return when its first answer came."""
    port = free_port()
    with server(front_end(programs, port, setup.wsgi(programs)), port, setup.folder):
        return time.perf_counter()


def fastest(times: int, start: Callable[[], float]) -> Sample:
    """Return the least time of several starts."""
    return {"": {"ms": min(-time.perf_counter() + start() for _ in range(times)) * 1000}}


def benchmark(setup: Setup) -> Benchmark:
    starts: dict[str, Callable[[], float]] = {YARDSTICK: start_python}
    for label, programs in setup.installations.items():
        for model in MODELS:
            starts[f"{label} {model}"] = partial(start_handler, setup.wsgi(programs, "-t", model))
        starts[f"{label} front end and handler"] = partial(start_site, setup, programs)
    times = setup.part_of(TIMES)
    cases = {name: partial(fastest, times, start) for name, start in starts.items()}
    return Benchmark("Start-up", ABOUT.format(times=times), cases, YARDSTICK)

"""What a line for each request costs: the access log of the front end, and that of the handler."""

from __future__ import annotations

import shutil
from functools import partial

from _measure import Benchmark, BenchmarkError
from _programs import Setup, front_end
from bench_http import saturated

ABOUT = """
16 connections, model `single`. The log is a file; `json` has all its fields. The ratio is that of
requests a second: what a request waits for, as front end and handler have a processor each.
"""


def benchmark(setup: Setup) -> Benchmark:
    if not shutil.which("wrk"):
        raise BenchmarkError("wrk is not here (Debian: apt install wrk)")
    log = f"--access-log={setup.folder / 'access.log'}"
    options: dict[str, tuple[list[str], list[str]]] = {
        "no log": ([], []),
        "front end, combined": ([log], []),
        "front end, json": ([log, "--access-log-format=json"], []),
        "handler, combined": ([], [log]),
    }
    cases = {
        f"{label} {name}": partial(
            saturated,
            setup,
            front_end(
                programs, "{port}", setup.wsgi(programs, "-t", "single", *of_handler), *of_front
            ),
        )
        for label, programs in setup.installations.items()
        for name, (of_front, of_handler) in options.items()
    }
    return Benchmark("A line for each request", ABOUT, cases, next(iter(cases)))

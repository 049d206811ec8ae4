"""Requests a second of a handler alone, driven over its socket, beside a constant loop in C.

All run in turn; the figures are those of the best of several rounds. Those of different machines,
or of different runs on one, say nothing about each other: the column "of the loop" does.

    python benchmarks/bench_handlers.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from _measure import Figures, best, handler, installed, load_handler, table, workshop

ROUNDS = 4
REQUESTS = 20_000
WARM_UP = 2_000
MODELS = ("single", "pool", "free", "rplex")
LOOP = "a loop in C"


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the handlers that are compared."""
    wsgi = [installed("ashd-wsgi"), "-p", str(folder), "-A", "-t"]
    return {LOOP: [str(folder / "loop")], **{name: [*wsgi, name, "hello"] for name in MODELS}}


def measure(folder: Path, argv: list[str]) -> Figures:
    """Run one handler under load."""
    with handler(argv) as running:
        load_handler(folder, running, WARM_UP)
        return load_handler(folder, running, REQUESTS)


def main() -> None:
    """Print the table."""
    with workshop() as folder:
        runs: dict[str, list[Figures]] = {name: [] for name in commands(folder)}
        for _ in range(ROUNDS):
            for name, argv in commands(folder).items():
                runs[name].append(measure(folder, argv))
    results = {name: best(each) for name, each in runs.items()}
    limit = results[LOOP].requests_per_second
    rows = [
        [
            name,
            f"{each.requests_per_second:,.0f}",
            f"{each.p50:,.0f}",
            f"{each.p99:,.0f}",
            f"{each.cpu:.1f}",
            f"{each.requests_per_second / limit:.0%}",
        ]
        for name, each in results.items()
    ]
    heads = ["handler", "requests/s", "p50 us", "p99 us", "CPU us/request", "of the loop"]
    sys.stdout.write(table("Handlers alone, 16 requests in flight", heads, rows))


if __name__ == "__main__":
    main()

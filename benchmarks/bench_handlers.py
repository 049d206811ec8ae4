"""Requests a second of a handler alone, driven over its socket, beside a constant loop in C.

All run in turn; each figure is the median of several rounds. Those of different machines, or of
different runs on one, say nothing about each other: the ratio to the loop does.

    python benchmarks/bench_handlers.py
"""

from __future__ import annotations

import sys
from pathlib import Path

from _measure import HEADS, Figures, compared, in_turn, installed, load_handler, table, workshop

from ashdtest.handlers import running
from ashdtest.processes import MODELS

ROUNDS = 3
REQUESTS = 12_000
REQUESTS_OF_THE_LOOP = 60_000
WARM_UP = 1_200
LOOP = "a loop in C"


def commands(folder: Path) -> dict[str, list[str]]:
    """Return the handlers that are compared."""
    wsgi = [installed("ashd-wsgi"), "-p", str(folder), "-A", "-t"]
    return {LOOP: [str(folder / "loop")], **{name: [*wsgi, name, "hello"] for name in MODELS}}


def measure(folder: Path, argv: list[str]) -> Figures:
    """Run one handler under load."""
    requests = REQUESTS if len(argv) > 1 else REQUESTS_OF_THE_LOOP
    with running(argv) as handler:
        load_handler(folder, handler, WARM_UP)
        return load_handler(folder, handler, requests)


def main() -> None:
    """Print the table."""
    with workshop() as folder:
        results = in_turn(commands(folder), lambda argv: measure(folder, argv), ROUNDS)
    rows = compared(results, LOOP)
    sys.stdout.write(table("Handlers alone, 16 requests in flight", HEADS, rows))


if __name__ == "__main__":
    main()

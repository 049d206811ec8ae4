"""From exec to the first answer, beside Python itself with what any such program needs.

dirplex starts handlers on demand: a visitor waits for this. The bound is 2.5 times the yardstick.

    python benchmarks/bench_startup.py
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from _measure import HELLO, installed, table

from ashdtest.handlers import running
from ashdtest.processes import MODELS

ROUNDS = 21
BOUND = 2.5
YARDSTICK = "python -c 'import socket, logging, threading'"


def start_python() -> None:
    """Run the yardstick to its end."""
    subprocess.run([sys.executable, "-c", "import socket, logging, threading"], check=True)


def answer(folder: Path, model: str) -> Callable[[], None]:
    """Return what starts a handler and waits for its first answer."""
    argv = [installed("ashd-wsgi"), "-p", str(folder), "-A", "-t", model, "hello"]

    def run() -> None:
        with running(argv) as handler:
            handler.call(b"/")
            ended = time.perf_counter()
        first_answer.append(ended)

    return run


first_answer: list[float] = []


def measure(run: Callable[[], None]) -> float:
    """Return how many seconds `run` takes, up to its first answer if it has one."""
    first_answer.clear()
    began = time.perf_counter()
    run()
    return (first_answer or [time.perf_counter()])[0] - began


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "hello.py").write_text(HELLO, encoding="utf-8")
        runs: dict[str, Callable[[], None]] = {
            YARDSTICK: start_python,
            **{f"ashd-wsgi -t {model}": answer(folder, model) for model in MODELS},
        }
        times: dict[str, list[float]] = {each: [] for each in runs}
        for _ in range(ROUNDS):
            for each, run in runs.items():
                times[each].append(measure(run))
    fastest = {each: min(values) for each, values in times.items()}
    rows = [
        [each, f"{value * 1000:.1f}", f"{value / fastest[YARDSTICK]:.2f}"]
        for each, value in fastest.items()
    ]
    title = f"From exec to the first answer (bound: {BOUND} times the first line)"
    sys.stdout.write(table(title, ["program", "ms", "times"], rows))


if __name__ == "__main__":
    main()

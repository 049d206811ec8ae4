"""Handlers alone, driven over their sockets, beside a loop in C that answers with a constant."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from _measure import Benchmark, Sample, total
from _programs import Setup, load, memory, settle

from ashdtest.handlers import running
from ashdtest.processes import MODELS

LOOP = "a loop in C"
LOOP_IS_FASTER = 5
WARM_UP = 10
"""One request in so many comes before those that count."""

OPTIONS = {model: ["-t", model] for model in MODELS}
OPTIONS |= {f"pool -w {n}": ["-t", "pool", "-w", str(n)] for n in (1, 2, 4)}

ABOUT = """
16 requests are in flight, each with 14 headers. The ratio to the loop can be compared between
machines. Where requests come at half that rate, their latency begins when they are due.
"""


def saturated(setup: Setup, argv: Sequence[str], factor: int = 1) -> Sample:
    """Keep a handler busy."""
    return _measure(setup, argv, setup.requests * factor, paced=False)


def both(setup: Setup, argv: Sequence[str], factor: int = 1) -> Sample:
    """Keep a handler busy, then send it half as many requests a second."""
    return _measure(setup, argv, setup.requests * factor, paced=True)


def _measure(setup: Setup, argv: Sequence[str], requests: int, *, paced: bool) -> Sample:
    with running(argv) as handler:
        settle(handler.pid)
        load(setup, handler, handler.pid, requests // WARM_UP)
        busy = load(setup, handler, handler.pid, requests)
        parts = {"As many requests as it takes": busy}
        if paced:
            rate = total(busy["requests/s"]) / 2
            half = load(setup, handler, handler.pid, requests // 2, rate)
            parts["Half as many"] = {**half, "memory MB": memory(handler.pid)}
    return parts


def benchmark(setup: Setup) -> Benchmark:
    cases = {LOOP: partial(both, setup, [str(setup.folder / "loop")], LOOP_IS_FASTER)}
    for label, programs in setup.installations.items():
        for name, options in OPTIONS.items():
            cases[f"{label} {name}"] = partial(both, setup, setup.wsgi(programs, *options))
    return Benchmark("Handlers alone", ABOUT, cases, LOOP)

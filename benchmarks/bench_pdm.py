"""What looking costs: CPU time of `profile` at its default rate, and of events."""

from __future__ import annotations

import threading
import time
import timeit
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from _measure import Benchmark, Sample
from _programs import Setup

from ashd.pdm import cli, perf, srv

DEPTH = 40
WAITING = 20
WORK = 2_000
EVENTS = 200_000
ABOUT = f"""
Two threads compute and {WAITING} wait, each {DEPTH} calls deep. The same work is done unseen,
then seen by a profile at its default rate; "without" is unseen twice, and so shows the error.
"""


def deep(depth: int, function: Callable[[], object]) -> None:
    """Call a function so many calls deep."""
    if depth:
        deep(depth - 1, function)
    else:
        function()


@contextmanager
def threads(number: int, function: Callable[[], object]) -> Iterator[None]:
    """Run a function in threads, deep down, until it ends."""
    running = [threading.Thread(target=deep, args=(DEPTH, function)) for _ in range(number)]
    for thread in running:
        thread.start()
    yield
    for thread in running:
        thread.join()


def work(seconds: float, look: Callable[[], object]) -> float:
    """Return the CPU time for one unit of work, as two threads do it while somebody looks."""
    units: list[None] = []
    until = time.monotonic() + seconds

    def compute() -> None:
        while time.monotonic() < until:
            sum(range(WORK))
            units.append(None)

    cpu = time.process_time()
    with threads(2, compute):
        look()
    return (time.process_time() - cpu) / len(units)


def cost(setup: Setup, look: Callable[[str, float], object]) -> Sample:
    """Return how much more CPU time work costs while somebody looks."""
    done = threading.Event()
    address = str(setup.folder / "debug")
    with srv.listen(address), threads(WAITING, done.wait):
        alone = work(setup.seconds, lambda: None)
        seen = work(setup.seconds, lambda: look(address, setup.seconds))
        done.set()
    return {"": {"more CPU time, %": (seen / alone - 1) * 100}}


def profile(address: str, seconds: float) -> None:
    """Profile for a time."""
    with cli.perfclient(address) as client:
        client.find("pdm.perf.profile").invoke("run", seconds=seconds)


def event(*listeners: Callable[[perf.Event], None]) -> Sample:
    """Return what one `notify` costs."""
    source = perf.EventSource()
    for listener in listeners:
        source.subscribe(listener)
    names = {"notify": source.notify, "event": perf.Event()}
    fastest = min(timeit.repeat("notify(event)", globals=names, number=EVENTS))
    return {"Events": {"ns": fastest / EVENTS * 1e9}}


def benchmark(setup: Setup) -> Benchmark:
    cases: dict[str, Callable[[], Sample]] = {
        "with a profile": lambda: cost(setup, profile),
        "without": lambda: cost(setup, lambda *_: None),
        "without a subscriber": event,
        "with one that does nothing": lambda: event(lambda _: None),
    }
    return Benchmark("Looking at a program (PDM)", ABOUT, cases)

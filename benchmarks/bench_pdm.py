"""What looking costs: CPU time of `profile` at its default rate, and of events that nobody, or
somebody, has subscribed to.

    python benchmarks/bench_pdm.py [SECONDS]

Several threads work (some compute, most wait, each 40 calls deep), first alone, then while a client
profiles. The share is what a fixed amount of work costs more in CPU time; ratios within one run, so
it may share the machine.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import threading
import time
import timeit

from _measure import table

from ashd.pdm import cli, perf, srv

DEPTH = 40
WAITING = 20
WORK = 200_000
PAIRS = 9


def deep(depth: int, function: object, *args: object) -> None:
    if depth:
        deep(depth - 1, function, *args)
    else:
        function(*args)  # type: ignore[operator]


def work(seconds: float) -> float:
    """Return the CPU time for one unit of work, as two threads do it for that long."""
    units = [0, 0]
    until = time.monotonic() + seconds

    def compute(index: int) -> None:
        while time.monotonic() < until:
            sum(range(WORK // 100))
            units[index] += 1

    cpu = time.process_time()
    threads = [threading.Thread(target=deep, args=(DEPTH, compute, index)) for index in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.process_time() - cpu) / sum(units)


def profile_share(address: str, seconds: float) -> tuple[float, float, dict[str, float]]:
    """Return how much more CPU time the work costs while it is profiled, the same for no reason at
    all (the error of the measurement), and what the profile says itself.
    """
    ratios, control, report = [], [], {}
    for _ in range(PAIRS):
        alone = work(seconds)
        control.append(work(seconds) / alone)
        found: dict[str, float] = {}

        def look(into: dict[str, float]) -> None:
            with cli.perfclient(address) as client:
                into.update(client.find("pdm.perf.profile").invoke("run", seconds=seconds))

        looker = threading.Thread(target=look, args=(found,))
        looker.start()
        ratios.append(work(seconds) / alone)
        looker.join()
        report = found
    return statistics.median(ratios) - 1, statistics.median(control) - 1, report


def event_cost(source: perf.EventSource) -> float:
    """Return the nanoseconds of one `notify`, the best of five."""
    count = 500_000
    event = perf.Event()
    names = {"notify": source.notify, "event": event}
    return min(timeit.repeat("notify(event)", globals=names, number=count)) / count * 1e9


def main() -> None:
    """Print the table."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 2.0
    done = threading.Event()
    waiting = [threading.Thread(target=deep, args=(DEPTH, done.wait)) for _ in range(WAITING)]
    for thread in waiting:
        thread.start()
    with tempfile.TemporaryDirectory() as place, srv.listen(f"{place}/debug"):
        share, error, report = profile_share(f"{place}/debug", seconds)
    done.set()
    for thread in waiting:
        thread.join()
    source = perf.EventSource()
    unheard = event_cost(source)
    full: list[object] = []
    source.subscribe(lambda event: None if full else full.append(event))
    of_a_core = 100 * report["cputime"] / report["seconds"]
    rows = [
        ["profile: CPU time that the same work takes more", f"{100 * share:+.1f} %"],
        ["the same without a profile: the error", f"{100 * error:+.1f} %"],
        ["profile: of a core, as the sampler counts", f"{of_a_core:.1f} %"],
        ["event without a subscriber", f"{unheard:.0f} ns"],
        ["event with one that does nothing", f"{event_cost(source):.0f} ns"],
    ]
    title = f"Looking on: {WAITING + 2} threads {DEPTH} deep, {report['rate']:.0f} samples/s"
    sys.stdout.write(table(title, ["", "cost"], rows))


if __name__ == "__main__":
    main()

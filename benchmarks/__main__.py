"""Measure everything, or what is named. A whole run writes docs/explanation/performance.md."""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import platform
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import _compare
from _measure import Benchmark, BenchmarkError, Sample, report, run, total
from _plot import bars
from _programs import Setup, workshop

from ashd.proto import ProtocolError

HERE = Path(__file__).parent
DOCS = HERE.parent / "docs"
NAMES = ["handlers", "http", "logs", "transfers", "clients", "startup", "wsgidir", "pdm"]
PAIRS = 20
"""Rounds of a comparison: its intervals leave out some stray pairs then."""

SIZES = {"whole": (2.0, 3), "quick": (0.25, 1), "compare": (0.7, PAIRS)}
"""Seconds for each measurement, and rounds."""

FAILURES = (BenchmarkError, ProtocolError, AssertionError, subprocess.CalledProcessError)
"""A program is missing, or didn't do what it was to do."""

INTRODUCTION = """# Performance
What `{command}` measured on {date}, with Python {python} on {cores} processors
of {clock}, which the load used as well. Everything ran in turn, {rounds} times; each figure is
the median. Other machines give other figures: only ratios can be compared.
[What is measured, and how](../../benchmarks/README.md).

![Requests a second over 16 connections, of ashd and of other servers](../images/performance.svg)
"""


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="nox -s bench --", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="only see that everything works")
    parser.add_argument("--seconds", type=float, help="for each measurement (2; --compare: 0.7)")
    parser.add_argument("--rounds", type=int, help=f"(3; --compare: {PAIRS})")
    parser.add_argument(
        "--handler",
        metavar="NAME=PATH",
        action="append",
        default=[],
        help="measure another installation as well: the path of its ashd-wsgi (repeatable)",
    )
    parser.add_argument(
        "--compare",
        nargs=2,
        metavar=("OLD", "NEW"),
        help="tell whether NEW is faster: checkouts, environments, or revisions of git",
    )
    found = parser.parse_args()
    kind = "quick" if found.quick else "compare" if found.compare else "whole"
    found.write = kind == "whole" and not found.names
    seconds, rounds = SIZES[kind]
    found.seconds, found.rounds = found.seconds or seconds, found.rounds or rounds
    if unknown := set(found.names) - set(NAMES):
        parser.error(f"no such benchmark: {', '.join(unknown)} (there are {', '.join(NAMES)})")
    found.installations = {"ashd": Path(sys.executable).parent}
    for text in found.handler:
        name, _, path = text.partition("=")
        if not Path(path).is_file():
            parser.error(f"--handler {text}: write NAME=PATH, the path of an ashd-wsgi")
        found.installations[name] = Path(path).absolute().parent
    return found


def introduction(rounds: int) -> str:
    """Say what was run, when, and where."""
    speed = re.search(r"cpu MHz\s*: ([\d.]+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return INTRODUCTION.format(
        command=" ".join(["nox -s bench", *["--"] * bool(sys.argv[1:]), *sys.argv[1:]]),
        date=datetime.datetime.now(tz=datetime.UTC).date(),
        python=platform.python_version(),
        cores=os.cpu_count(),
        clock=f"{float(speed[1]) / 1000:.1f} GHz" if speed else "an unknown clock",
        rounds=rounds,
    )


def plot(results: dict[str, Sample], setup: Setup) -> str:
    """Draw what the whole way carries."""
    first = {name: next(iter(sample.values())) for name, sample in results.items()}
    rates = {name: total(part["requests/s"]) for name, part in first.items()}
    title = "Requests a second over HTTP, 16 connections"
    return bars(title, rates, tuple(f"{label} " for label in setup.installations))


def measure(setup: Setup, names: Sequence[str], rounds: int) -> tuple[list[str], str]:
    """Run benchmarks, and print their tables; return those that could be made, and the plot."""
    reports, picture = [], ""
    for name in names:
        try:
            benchmark: Benchmark = importlib.import_module(f"bench_{name}").benchmark(setup)
            results = run(benchmark, rounds)
        except FAILURES as error:
            print(f"{name} can't be measured: {error}", file=sys.stderr)
            continue
        reports.append(report(benchmark, results))
        print(reports[-1], flush=True)
        picture = plot(results, setup) if name == "http" else picture
    return reports, picture


def main() -> None:
    """Run what the command line asks for."""
    asked = arguments()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # programs would be compiled at each start
    with workshop(asked.seconds, asked.installations) as setup:
        if asked.compare:
            try:
                print(_compare.compare(setup, asked.compare, asked.rounds))
            except FAILURES as error:
                sys.exit(f"bench: {error}")
            return
        names = asked.names or NAMES
        reports, picture = measure(setup, names, asked.rounds)
    if len(reports) < len(names):
        sys.exit("bench: not everything could be measured, see above")
    if asked.write:
        text = "\n".join([introduction(asked.rounds), *reports])
        (DOCS / "explanation" / "performance.md").write_text(text, encoding="utf-8")
        (DOCS / "images" / "performance.svg").write_text(picture, encoding="utf-8")


if __name__ == "__main__":
    main()

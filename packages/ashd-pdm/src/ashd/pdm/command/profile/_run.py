"""The subcommand: asks for samples, and writes them by the name of the file."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ..._records import Profile
from ...cli import PerfClient
from ...perf import error
from .._connection import call, find, once
from .._output import progress
from .._text import clean, count, table
from ._flamegraph import write_html, write_svg
from ._stacks import Samples, place, read_answers

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


def ask(client: PerfClient, options: argparse.Namespace) -> dict[str, Samples]:
    """Have the daemon sample its threads. Whether a file can be written is known before that."""
    path = Path(options.output or "x.txt")
    if path.suffix not in WRITERS:
        raise error(f"{path}: the name must end in {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise error(f"{path}: there is no such directory")
    profile = find(client, "profile")
    progress(f"sampling for {options.seconds:g} s")
    more = (True,) if options.cpu else ()  # for daemons that don't know it
    try:
        found = call(profile, Profile, "run", options.seconds, options.rate, *more)
    finally:
        progress("")
    return {"": read_answers(found, idle=options.idle)}


def show(samples: Samples, options: argparse.Namespace) -> Iterable[str]:
    """Write the file, or return a summary."""
    if options.output is None:
        return summary(samples, options.lines)
    path, took = Path(options.output), f"{samples.seconds:.1f} s"
    text = WRITERS[path.suffix](samples, f"{options.target}, {samples.measure}, {took}")
    path.write_text(text, encoding="utf-8")
    return [f"{path}: {samples.total} samples of {samples.measure} in {took}"]


def summary(samples: Samples, lines: int) -> Iterator[str]:
    """Yield lines: the functions in which most samples were, themselves and with what they call."""
    yield (
        f"{samples.measure}: {count(samples.total)} samples in {samples.seconds:.1f} s, "
        f"{samples.rate:.0f} a second"
    )
    if samples.idle:
        left_out = "more in threads that only waited are left out (--idle counts them)"
        yield f"{count(samples.idle)} {left_out}"
    if samples.dropped:
        yield f"{count(samples.dropped)} were dropped: there were too many different stacks"
    if not samples.total:
        yield "no thread was at work"
        return
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for stack, number in samples.stacks.items():
        places = [found for found in map(place, stack) if found.file]
        names = [f"{found.function} ({found.file})" for found in places]
        own.update(dict.fromkeys(names[-1:], number))
        whole.update(dict.fromkeys(names, number))
    shown = sorted(whole, key=lambda name: (-own[name], -whole[name], name))[:lines]
    each = 100 / samples.total
    rows = [("itself", "with callees", "function")]
    rows += [(f"{each * own[name]:.1f} %", f"{each * whole[name]:.1f} %", name) for name in shown]
    yield from ("", *table(rows, "rr"))


def write_collapsed(samples: Samples, _title: str) -> str:
    """Return a line for each stack, as many other tools read them: `thread;outer;...;inner N`."""
    found = sorted(samples.stacks.items())
    return "".join(f"{clean(';'.join(stack))} {number}\n" for stack, number in found)


def write_speedscope(samples: Samples, title: str) -> str:
    """Return JSON for https://www.speedscope.app, with a profile for each thread, in seconds."""
    period = 1 / samples.rate if samples.rate else 0.0
    frames: dict[str, int] = {}
    threads: dict[str, list[tuple[list[int], float]]] = defaultdict(list)
    for (thread, *stack), number in sorted(samples.stacks.items()):
        found = [frames.setdefault(label, len(frames)) for label in stack]
        threads[thread].append((found, number * period))
    profiles = [
        {
            "type": "sampled",
            "name": thread,
            "unit": "seconds",
            "startValue": 0,
            "endValue": sum(weight for _, weight in found),
            "samples": [stack for stack, _ in found],
            "weights": [weight for _, weight in found],
        }
        for thread, found in threads.items()
    ]
    return json.dumps(
        {
            "$schema": SCHEMA,
            "name": title,
            "exporter": f"ashd-pdm {importlib.metadata.version('ashd-pdm')}",
            "shared": {"frames": [_frame(label) for label in frames]},
            "profiles": profiles,
        }
    )


def _frame(label: str) -> dict[str, str | int | None]:
    found = place(label)
    where = {"file": found.file, "line": found.line} if found.file else {}
    return {"name": found.function, **where}


WRITERS: dict[str, Callable[[Samples, str], str]] = {
    ".svg": write_svg,
    ".html": write_html,
    ".json": write_speedscope,
    ".txt": write_collapsed,
}
run = once(ask, show)

"""A profile as text, as collapsed stacks and in speedscope's format."""

from __future__ import annotations

import importlib.metadata
import json
from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from .._text import clean, count, table
from ._stacks import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._stacks import Samples

SCHEMA = "https://www.speedscope.app/file-format-schema.json"


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
    yield ""
    yield from table(rows, "rr")


def write_collapsed(samples: Samples, _title: str) -> str:
    """Return a line for each stack, as many other tools read them: `thread;outer;...;inner N`."""
    found = sorted(samples.stacks.items())
    return "".join(f"{clean(';'.join(stack))} {number}\n" for stack, number in found)


def write_speedscope(samples: Samples, title: str) -> str:
    """Return JSON for https://www.speedscope.app, with a profile for each thread, in seconds."""
    frames: dict[str, int] = {}
    stacks: dict[str, list[list[int]]] = defaultdict(list)
    weights: dict[str, list[float]] = defaultdict(list)
    for (thread, *stack), number in sorted(samples.stacks.items()):
        stacks[thread].append([frames.setdefault(label, len(frames)) for label in stack])
        weights[thread].append(number * samples.period)
    profiles = [
        {
            "type": "sampled",
            "name": thread,
            "unit": "seconds",
            "startValue": 0,
            "endValue": sum(weights[thread]),
            "samples": found,
            "weights": weights[thread],
        }
        for thread, found in stacks.items()
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

"""What a benchmark is, its rounds, and its tables. Nothing here knows what is measured."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

Figure = float | tuple[float, ...]
"""One number, or one for each process."""

Part = dict[str, Figure]
"""Figures by the heads of their columns; the unit stands in the head."""

Sample = dict[str, Part]
"""What measuring once gives: a part for each table. A part without a name has a table alone."""

SHOWN = 0.01
"""Of figures of several processes, those below this share of the sum are left out."""


@dataclass(frozen=True, slots=True)
class Benchmark:
    """Cases that are measured in turn. Ratios are those of each first column to the yardstick's."""

    title: str
    about: str
    cases: Mapping[str, Callable[[], Sample]]
    yardstick: str = ""


class BenchmarkError(Exception):
    """Something that a benchmark needs is not here, or does not work."""


def run(benchmark: Benchmark, rounds: int) -> dict[str, Sample]:
    """Measure each case once a round, so that what else goes on meets all alike; take medians."""
    samples: dict[str, list[Sample]] = {name: [] for name in benchmark.cases}
    for _ in range(rounds):
        for name, measure in benchmark.cases.items():
            samples[name].append(measure())
    return {name: _middle(each) for name, each in samples.items()}


def _middle(samples: Sequence[Sample]) -> Sample:
    return {
        name: {head: _median([sample[name][head] for sample in samples]) for head in part}
        for name, part in samples[0].items()
    }


def _median(figures: Sequence[Figure]) -> Figure:
    columns = zip(*map(each, figures), strict=True)
    medians = tuple(map(statistics.median, columns))
    return medians[0] if len(medians) == 1 else medians


def each(figure: Figure) -> tuple[float, ...]:
    """Return a figure's numbers."""
    return figure if isinstance(figure, tuple) else (figure,)


def total(figure: Figure) -> float:
    """Return the sum of a figure's numbers."""
    return sum(each(figure))


def report(benchmark: Benchmark, results: Mapping[str, Sample]) -> str:
    """Return a benchmark's tables as Markdown that can be read as it is."""
    blocks = [f"## {benchmark.title}", benchmark.about.strip()]
    parts = dict.fromkeys(part for sample in results.values() for part in sample)
    for part in parts:
        rows = list(_rows(benchmark.yardstick, part, results))
        blocks += [f"### {part}"] * bool(part) + [table(rows)]
    return "\n\n".join(blocks) + "\n"


def _rows(yardstick: str, name: str, results: Mapping[str, Sample]) -> Iterator[list[str]]:
    parts = {case: sample[name] for case, sample in results.items() if name in sample}
    first, *others = next(iter(parts.values()))
    unit = total(parts[yardstick][first]) if yardstick in parts else 0.0
    yield ["", first, *["ratio"] * bool(unit), *others]
    for case, part in parts.items():
        ratio = [f"{total(part[first]) / unit:.3f}"] if unit else []
        yield [case, show(part[first]), *ratio, *(show(part[head]) for head in others)]


def show(figure: Figure) -> str:
    """Return a figure with as many digits as anybody looks at."""
    least = SHOWN * total(figure) if isinstance(figure, tuple) else figure
    return " + ".join(_number(one) for one in each(figure) if one >= least)


def _number(number: float) -> str:
    whole = abs(number) >= 100 or number == round(number)
    return f"{number:,.{0 if whole else 1 if abs(number) >= 10 else 2}f}"


def table(rows: Sequence[Sequence[str]]) -> str:
    """Return a table: the first row has the heads; all columns but the first go to the right."""
    widths = [max(3, *map(len, column)) for column in zip(*rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [cell.rjust(width) if column else cell.ljust(width) for column, (cell, width) in pairs]
        for pairs in (list(enumerate(zip(row, widths, strict=True))) for row in rows)
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in [lines[0], rule, *lines[1:]])

"""`ashd-pdm heap`: what memory is made of."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from typing import Any

from .._records import Garbage, LineSize, Trace, TypeSize
from ..cli import PerfClient
from ._connection import call, find, once
from ._output import warn
from ._text import count, duration, size, table

Answers = dict[str, Any]

TRACE_COST = "tracing for {}: allocations in the daemon are up to 15 times slower meanwhile"


def ask(client: PerfClient, options: argparse.Namespace) -> dict[str, Answers]:
    """Return by worker what it answered to each question."""
    heap, lines = find(client, "heap"), options.lines
    questions: dict[str, tuple[Any, ...]]  # a method and its arguments
    if options.trace_start or options.trace_stop:
        heap.invoke("trace_start" if options.trace_start else "trace_stop")
        questions = {}
    elif options.trace is not None:
        warn(TRACE_COST.format(duration(options.trace)))
        questions = {"trace": ("trace", options.trace, lines)}
    elif options.growth is not None:
        heap.invoke("growth", lines)
        time.sleep(options.growth)
        questions = {"growth": ("growth", lines)}
    else:
        questions = {
            "types": ("types", lines),
            "garbage": ("garbage",),
            "lines": ("trace_top", lines),
        }
    found: dict[str, Answers] = {}
    for name, question in questions.items():
        for worker, answer in call(heap, object, *question).items():
            found.setdefault(worker, {})[name] = answer
    return found


def report(answers: Answers, _options: argparse.Namespace) -> Iterator[str]:
    """Yield lines about one process."""
    for name, answer in answers.items():
        yield from _REPORTS[name](answer)


def _growth(entries: list[TypeSize] | None) -> list[str]:
    rows = [(f"{e['count']:+,}", _signed(e["size"]), e["type"]) for e in entries or []]
    head = ("more objects", "more bytes", "type")
    return table([head, *rows], "rr") if rows else ["nothing has grown"]


def _trace(found: Trace) -> Iterator[str]:
    yield (
        f"grown in {found['seconds']:.1f} s, by where it was allocated "
        f"(tracing took {size(found['overhead'])} more)"
    )
    for entry in found["growth"]:
        yield from ("", f"{_signed(entry['size'])} in {entry['count']:+,} blocks")
        yield from (f"  {file}:{line}" for file, line in entry["traceback"])
    if not found["growth"]:
        yield "nothing has grown"


def _signed(number: float) -> str:
    return size(number) if number < 0 else f"+{size(number)}"


def _types(entries: list[TypeSize]) -> list[str]:
    rows = [(count(e["count"]), size(e["size"]), e["type"]) for e in entries]
    return [*table([("objects", "size", "type"), *rows], "rr"), ""]


def _garbage(found: Garbage) -> Iterator[str]:
    done = ", ".join(str(generation["collections"]) for generation in found["stats"])
    state = "on" if found["enabled"] else "off"
    yield f"collector: {state}, collections by generation: {done}"
    if found["uncollectable"]:
        yield f"uncollectable objects: {count(found['uncollectable'])}"


def _lines(entries: list[LineSize] | None) -> list[str]:
    if entries is None:
        return ["tracemalloc: off (ashd-pdm heap TARGET --trace-start turns it on)"]
    rows = [(count(e["count"]), size(e["size"]), f"{e['file']}:{e['line']}") for e in entries]
    return ["", *table([("blocks", "size", "allocated in"), *rows], "rr")]


_REPORTS: dict[str, Callable[[Any], list[str] | Iterator[str]]] = {
    "growth": _growth,
    "trace": _trace,
    "types": _types,
    "garbage": _garbage,
    "lines": _lines,
}

run = once(ask, report)

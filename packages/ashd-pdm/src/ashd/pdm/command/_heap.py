"""`ashd-pdm heap`: what memory is made of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ._connection import call, find, once
from ._output import warn
from ._text import count, duration, size, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    from .._records import Garbage, LineSize, Trace, TypeSize
    from ..cli import PerfClient

    Answers = dict[str, Any]

TRACE_COST = "tracing for {}: allocations in the daemon are up to 15 times slower meanwhile"


def ask(client: PerfClient, options: argparse.Namespace) -> dict[str, Answers]:
    """Return by worker what it answered to each question."""
    heap, lines = find(client, "heap"), options.lines
    questions: dict[str, tuple[str, list[float]]] = {
        "types": ("types", [lines]),
        "garbage": ("garbage", []),
        "lines": ("trace_top", [lines]),
    }
    if options.trace_start or options.trace_stop:
        heap.invoke("trace_start" if options.trace_start else "trace_stop")
        questions = {}
    elif options.trace is not None:
        warn(TRACE_COST.format(duration(options.trace)))
        questions = {"trace": ("trace", [options.trace, lines])}
    elif options.growth is not None:
        heap.invoke("growth", lines)
        time.sleep(options.growth)
        questions = {"growth": ("growth", [lines])}
    found: dict[str, Answers] = {}
    for name, (method, args) in questions.items():
        for worker, answer in call(heap, object, method, *args).items():
            found.setdefault(worker, {})[name] = answer
    return found


def report(answers: Answers, _options: argparse.Namespace) -> Iterator[str]:
    """Yield lines about one process."""
    for name, answer in answers.items():
        yield from _REPORTS[name](answer)


def _growth(entries: list[TypeSize] | None) -> Iterator[str]:
    if not entries:
        yield "nothing has grown"
        return
    rows = [("more objects", "more bytes", "type")]
    rows += [(f"{e['count']:+,}", _signed(e["size"]), e["type"]) for e in entries]
    yield from table(rows, "rr")


def _trace(found: Trace) -> Iterator[str]:
    yield (
        f"grown in {found['seconds']:.1f} s, by where it was allocated "
        f"(tracing took {size(found['overhead'])} more)"
    )
    for entry in found["growth"]:
        yield ""
        yield f"{_signed(entry['size'])} in {entry['count']:+,} blocks"
        for file, line in entry["traceback"]:
            yield f"  {file}:{line}"
    if not found["growth"]:
        yield "nothing has grown"


def _signed(number: float) -> str:
    return size(number) if number < 0 else f"+{size(number)}"


def _types(entries: list[TypeSize]) -> Iterator[str]:
    rows = [("objects", "size", "type")]
    rows += [(count(e["count"]), size(e["size"]), e["type"]) for e in entries]
    yield from table(rows, "rr")
    yield ""


def _garbage(found: Garbage) -> Iterator[str]:
    done = ", ".join(str(generation["collections"]) for generation in found["stats"])
    state = "on" if found["enabled"] else "off"
    yield f"collector: {state}, collections by generation: {done}"
    if found["uncollectable"]:
        yield f"uncollectable objects: {count(found['uncollectable'])}"


def _lines(entries: list[LineSize] | None) -> Iterator[str]:
    if entries is None:
        yield "tracemalloc: off (ashd-pdm heap TARGET --trace-start turns it on)"
        return
    yield ""
    rows = [("blocks", "size", "allocated in")]
    rows += [(count(e["count"]), size(e["size"]), f"{e['file']}:{e['line']}") for e in entries]
    yield from table(rows, "rr")


_REPORTS: dict[str, Callable[[Any], Iterator[str]]] = {
    "growth": _growth,
    "trace": _trace,
    "types": _types,
    "garbage": _garbage,
    "lines": _lines,
}

run = once(ask, report)

"""`ashd-pdm heap`: what memory is made of."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from ._connection import by_worker, find, open_perf
from ._output import say, say_json, warn
from ._text import count, duration, size, table

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from .._records import Garbage, LineSize, Trace, TypeSize
    from ..cli import PerfClient, Proxy


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    with open_perf(options) as client:
        heap = find(client, "heap")
        if options.trace_start or options.trace_stop:
            heap.invoke("trace_start" if options.trace_start else "trace_stop")
            return 0
        if options.trace is not None:
            warn(TRACE_COST.format(duration(options.trace)))
            answers = by_worker(client, heap.invoke("trace", options.trace, options.lines), object)
            processes = {worker: {"trace": answer} for worker, answer in answers.items()}
        else:
            processes = look(client, heap, options.lines, options.growth)
    if options.json:
        say_json(processes.get("", processes))
        return 0
    for worker, found in processes.items():
        say(*report(worker, found))
    return 0


TRACE_COST = "tracing for {}: allocations in the daemon are up to 15 times slower meanwhile"


def look(
    client: PerfClient, heap: Proxy, lines: int, growth: float | None
) -> dict[str, dict[str, Any]]:
    """Return what each process says, by worker."""
    questions: dict[str, tuple[Any, ...]] = {
        "types": ("types", lines),
        "garbage": ("garbage",),
        "lines": ("trace_top", lines),
    }
    if growth is not None:
        heap.invoke("growth", lines)
        time.sleep(growth)
        questions = {"growth": ("growth", lines)}
    found: dict[str, dict[str, Any]] = {}
    for name, question in questions.items():
        for worker, answer in by_worker(client, heap.invoke(*question), object).items():
            found.setdefault(worker, {})[name] = answer
    return found


def report(worker: str, found: dict[str, Any]) -> Iterator[str]:
    """Yield lines about one process."""
    if worker:
        yield f"=== worker {worker}"
    if "trace" in found:
        yield from _trace(found["trace"])
        return
    if "growth" in found:
        yield from _growth(found["growth"] or [])
        return
    yield from _types(found["types"])
    yield from _garbage(found["garbage"])
    yield from _lines(found["lines"])


def _growth(entries: list[TypeSize]) -> Iterator[str]:
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

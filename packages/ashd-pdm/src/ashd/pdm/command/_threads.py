"""`ashd-pdm threads`: the stacks of all threads."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .._records import Thread
from ..util import POOLS, fold, is_idle
from ._connection import by_worker, find, open_perf
from ._output import say, say_json
from ._text import duration

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from .._records import Request


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    with open_perf(options) as client:
        threads = find(client, "threads").readattr()
        processes = by_worker(client, threads, list[Thread])
    if options.json:
        say_json(processes.get("", processes))
        return 0
    say(*report(processes))
    return 0


def report(processes: dict[str, list[Thread]]) -> Iterator[str]:
    """Yield lines; of each process first the threads that serve a request."""
    for worker, threads in processes.items():
        if worker:
            yield f"=== worker {worker}, {len(threads)} threads"
        for group in _alike(sorted(threads, key=lambda thread: thread["request"] is None)):
            yield from describe(group)
            yield ""


def _alike(threads: Iterable[Thread]) -> list[list[Thread]]:
    """Put threads with the same stack together, if they serve no request."""
    groups: dict[object, list[Thread]] = {}
    for thread in threads:
        stack = tuple(tuple(frame) for frame in thread["stack"])
        key = stack if thread["request"] is None else thread["ident"]
        groups.setdefault(key, []).append(thread)
    return list(groups.values())


def describe(group: list[Thread]) -> Iterator[str]:
    """Yield lines about threads with the same stack."""
    names = ", ".join(dict.fromkeys(_name(thread) for thread in group))
    first = group[0]
    if len(group) > 1:
        yield f"{len(group)} threads: {names}"
    else:
        request = _request(first["request"])
        if request and first["name"] in POOLS:
            yield f"Thread {request} ({_numbers(first)})"
        else:
            yield f"Thread {names} ({_numbers(first)}){f': {request}' if request else ''}"
    hidden, stack = fold(first)
    if hidden:
        yield f"  ({hidden} frames of the server)"
    for file, line, function, source in stack:
        yield f'  File "{file}", line {line}, in {function}'
        if source:
            yield f"    {source}"


def _name(thread: Thread) -> str:
    return "idle" if is_idle(thread) else str(thread["name"])


def _numbers(thread: Thread) -> str:
    daemon = ", daemon" if thread.get("daemon") else ""
    return f"{thread.get('native_id') or thread['ident']}{daemon}"


def _request(request: Request | None) -> str:
    if request is None:
        return ""
    words = [str(request.get("method", "")), str(request.get("url", request.get("uri", "")))]
    age = request.get("age")
    if isinstance(age, int | float):
        words.append(f"for {duration(age)}")
    known = {"method", "url", "uri", "age"}
    words += [f"{name}={value}" for name, value in request.items() if name not in known]
    return " ".join(word for word in words if word)

"""`ashd-pdm threads`: the stacks of all threads."""

from __future__ import annotations

import argparse
from collections.abc import Iterator

from .._records import Request, Thread
from ..util import POOLS, fold, is_idle
from ._connection import find, once, read
from ._text import duration


def report(threads: list[Thread], _options: argparse.Namespace) -> Iterator[str]:
    """Yield lines: first the threads that serve a request, then the others, by their stacks."""
    groups: dict[object, list[Thread]] = {}
    for thread in sorted(threads, key=lambda one: one["request"] is None):
        stack = tuple(map(tuple, thread["stack"]))
        groups.setdefault(thread["ident"] if thread["request"] else stack, []).append(thread)
    for group in groups.values():
        yield _heading(group)
        hidden, shown = fold(group[0])
        if hidden:
            yield f"  ({hidden} frames of the server)"
        for file, line, function, source in shown:
            yield f'  File "{file}", line {line}, in {function}'
            if source:
                yield f"    {source}"
        yield ""


def _heading(group: list[Thread]) -> str:
    first = group[0]
    names = ", ".join(dict.fromkeys("idle" if is_idle(one) else one["name"] for one in group))
    if len(group) > 1:
        return f"{len(group)} threads: {names}"
    request = _request(first["request"] or {})
    daemon = ", daemon" if first.get("daemon") else ""
    numbers = f"({first.get('native_id') or first['ident']}{daemon})"
    if request and first["name"] in POOLS:
        return f"Thread {request} {numbers}"
    return f"Thread {names} {numbers}{f': {request}' if request else ''}"


def _request(request: Request) -> str:
    age = request.get("age")
    words = [str(request.get("method", "")), str(request.get("url", request.get("uri", "")))]
    words.append(f"for {duration(age)}" if isinstance(age, int | float) else "")
    known = {"method", "url", "uri", "age"}
    words += [f"{name}={value}" for name, value in request.items() if name not in known]
    return " ".join(filter(None, words))


run = once(lambda client, _: read(find(client, "threads"), list[Thread]), report)

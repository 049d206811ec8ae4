"""What differs between that which two servers made of the same requests."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from .exchange import Exchange, Ran, settled, settled_ran

NOTHING = "(none)"
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that differs in one response, or in what a client program has said."""

    request: str
    where: str
    """`status`, `body`, `header content-length`, ..."""
    ours: str
    theirs: str

    def __str__(self) -> str:
        return f"{self.request}: {self.where}: {self.ours!r}, and waitress: {self.theirs!r}"


def compare(
    ours: Sequence[Exchange | Ran],
    theirs: Sequence[Exchange | Ran],
    varies: Iterable[re.Pattern[bytes]],
) -> Iterator[Difference]:
    """Compare two visits, step by step."""
    patterns = list(varies)
    one, other = ([_settled(step, patterns) for step in steps] for steps in (ours, theirs))
    names = [[_name(step) for step in steps] for steps in (one, other)]
    for tag, a, b, c, d in SequenceMatcher(None, names[0], names[1], autojunk=False).get_opcodes():
        if tag == "equal":
            for step, its_peer in zip(one[a:b], other[c:d], strict=True):
                yield from _compare(step, its_peer)
            continue
        for extra in names[0][a:b]:
            yield Difference(extra, "course", extra, NOTHING)
        for missing in names[1][c:d]:
            yield Difference(missing, "course", NOTHING, missing)


def _settled(step: Exchange | Ran, patterns: Sequence[re.Pattern[bytes]]) -> Exchange | Ran:
    if isinstance(step, Ran):
        return settled_ran(step, patterns)
    return settled(step, patterns)


def _name(step: Exchange | Ran) -> str:
    return step.what if isinstance(step, Exchange) else step.command


def _compare(one: Exchange | Ran, other: Exchange | Ran) -> Iterator[Difference]:
    if isinstance(one, Exchange) and isinstance(other, Exchange):
        yield from _compare_exchanges(one, other)
    elif isinstance(one, Ran) and isinstance(other, Ran):
        yield from _compare_ends(one, other)


def _compare_ends(one: Ran, other: Ran) -> Iterator[Difference]:
    for where, a, b in (
        ("exit status", str(one.status), str(other.status)),
        ("output", one.output, other.output),
    ):
        if a != b:
            yield Difference(one.command, where, *_around(a, b))


def _compare_exchanges(one: Exchange, other: Exchange) -> Iterator[Difference]:
    for where, a, b in (
        ("interim responses", ", ".join(one.interim), ", ".join(other.interim)),
        ("status", one.status, other.status),
        ("framing", one.framing.value, other.framing.value),
        ("connection", one.after.value, other.after.value),
        ("body", one.body.decode("latin-1"), other.body.decode("latin-1")),
        ("bytes after the response", one.stray.decode("latin-1"), other.stray.decode("latin-1")),
        *_headers(one, other),
    ):
        if a != b:
            yield Difference(one.what, where, *_around(a, b))


def _headers(one: Exchange, other: Exchange) -> Iterator[tuple[str, str, str]]:
    """Compare values by name; the order and the spelling of the names that both have."""
    ours, theirs = _by_name(one), _by_name(other)
    for name in sorted(ours.keys() | theirs.keys()):
        values = ["\n".join(x.get(name, [NOTHING])) for x in (ours, theirs)]
        yield f"header {name}", values[0], values[1]
    both = ours.keys() & theirs.keys()
    names = [[name for name, _ in x.headers if name.lower() in both] for x in (one, other)]
    order = [", ".join(some).lower() for some in names]
    yield "order of headers", order[0], order[1]
    spelling = [", ".join(sorted(some, key=str.lower)) for some in names]
    yield "spelling of headers", spelling[0], spelling[1]


def _by_name(exchange: Exchange) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, value in exchange.headers:
        found.setdefault(name.lower(), []).append(value)
    return found


def _around(one: str, other: str) -> tuple[str, str]:
    """Return two texts from just before where they differ, and not all of them."""
    if max(len(one), len(other)) <= _LONGEST:
        return one, other
    same = next((n for n, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), 0)
    begin = max(0, same - 40)
    return one[begin : begin + _LONGEST], other[begin : begin + _LONGEST]

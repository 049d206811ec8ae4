"""A profile as text."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from .._text import count, table
from ._stacks import place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._stacks import Samples


def summary(samples: Samples, lines: int) -> Iterator[str]:
    """Yield lines: the functions in which most samples were, themselves and with what they call."""
    yield (
        f"{samples.measure}: {count(samples.total)} samples in {samples.seconds:.1f} s, "
        f"{samples.rate:.0f} a second"
    )
    if samples.idle:
        yield (
            f"{count(samples.idle)} more in threads that only waited are left out "
            "(--idle counts them)"
        )
    if samples.dropped:
        yield f"{count(samples.dropped)} were dropped: there were too many different stacks"
    if not samples.total:
        yield "no thread was at work"
        return
    yield ""
    own, whole = _functions(samples)
    rows = [("itself", "with callees", "function")]
    rows += [
        (_share(own[label], samples.total), _share(whole[label], samples.total), label)
        for label in sorted(whole, key=lambda name: (-own[name], -whole[name], name))[:lines]
    ]
    yield from table(rows, "rr")


def _share(number: int, total: int) -> str:
    return f"{100 * number / total:.1f} %"


def _functions(samples: Samples) -> tuple[Counter[str], Counter[str]]:
    """Samples by function: at the inner end of a stack, and anywhere in it."""
    own: Counter[str] = Counter()
    whole: Counter[str] = Counter()
    for stack, number in samples.stacks.items():
        names = [_function(label) for label in stack if place(label).file]
        if names:
            own[names[-1]] += number
        for name in set(names):
            whole[name] += number
    return own, whole


def _function(label: str) -> str:
    found = place(label)
    return f"{found.function} ({found.file})"

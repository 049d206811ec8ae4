"""The metrics as text, for standard output."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ._families import Family


def render(families: Iterable[Family]) -> str:
    """Return the text format; without prometheus_client nothing but the samples."""
    try:
        from ._registry import text_of
    except ImportError:
        return "".join(line for family in families for line in _samples(family))
    return text_of(families)


def _samples(family: Family) -> Iterator[str]:
    for suffix, labels, value in family.samples:
        pairs = ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items())
        yield f"{family.name}{suffix}{f'{{{pairs}}}' if pairs else ''} {value!r}\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

"""Metrics as this command collects them, and the plain lines of their samples."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from .._text import clean_lines

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(slots=True)
class Family:
    """A metric: its samples are (suffix of the name, labels, value)."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, dict[str, str], float]] = field(default_factory=list)

    def add(
        self, value: float | None, labels: Mapping[str, str] | None = None, suffix: str = ""
    ) -> None:
        """Add a sample, if there is a value. Empty labels are left out, as Prometheus does itself;
        control characters in them become escapes.
        """
        if value is None:
            return
        kept = {name: clean_lines(text) for name, text in (labels or {}).items() if text}
        self.samples.append((suffix, kept, float(value)))


def metric_name(text: str) -> str:
    """Return a valid name made of `text`."""
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", text).strip("_")
    return name if name and not name[0].isdigit() else f"_{name}"


def samples(family: Family) -> Iterator[str]:
    """Yield a line for each sample."""
    for suffix, labels, value in family.samples:
        pairs = ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items())
        yield f"{family.name}{suffix}{f'{{{pairs}}}' if pairs else ''} {value!r}\n"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")

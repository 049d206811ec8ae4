"""The text format of Prometheus, version 0.0.4. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ashd.pdm.command._text import clean_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(slots=True)
class Family:
    """A metric: its samples are (suffix of the name, labels, value)."""

    name: str
    kind: str
    help: str
    samples: list[tuple[str, dict[str, str], float]] = field(default_factory=list)

    def add(self, value: float, labels: Mapping[str, str] | None = None, suffix: str = "") -> None:
        """Add a sample; empty labels are left out, as Prometheus does itself. Control characters in
        them become escapes.
        """
        kept = {name: clean_lines(text) for name, text in (labels or {}).items() if text}
        self.samples.append((suffix, kept, value))


def metric_name(text: str) -> str:
    """Return a valid name made of `text`."""
    name = re.sub(r"[^a-zA-Z0-9_]+", "_", text).strip("_")
    return name if name and not name[0].isdigit() else f"_{name}"


def render(families: Iterable[Family]) -> str:
    """Return the text; families without samples are left out."""
    return "".join(_family(family) for family in families if family.samples)


def _family(family: Family) -> str:
    meaning = clean_lines(family.help).replace("\\", r"\\").replace("\n", r"\n")
    lines = [f"# HELP {family.name} {meaning}", f"# TYPE {family.name} {family.kind}"]
    lines += [
        f"{family.name}{suffix}{_labels(labels)} {_number(value)}"
        for suffix, labels, value in family.samples
    ]
    return "\n".join(lines) + "\n"


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = ",".join(f'{name}="{_escape(text)}"' for name, text in labels.items())
    return "{" + pairs + "}"


def _escape(text: str) -> str:
    return text.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")


def _number(value: float) -> str:
    if value != value:  # noqa: PLR0124
        return "NaN"
    if value in (float("inf"), float("-inf")):
        return "+Inf" if value > 0 else "-Inf"
    return repr(value)

"""The tables of docs/reference/real-applications.md, which the session `applications` writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .application import Application
from .reasons import Reason

DOCUMENT = Path(__file__).parents[4] / "docs" / "reference" / "real-applications.md"
BEGIN = "## What was compared\n"


@dataclass
class Result:
    """What came of one application: requests to each server, and what differed how often."""

    application: Application
    requests: int = 0
    programs: int = 0
    seen: Counter[str] = field(default_factory=Counter)
    """Requests, by the `what` of the reason."""
    unexplained: int = 0


def write(results: Sequence[Result], known: Sequence[Reason]) -> None:
    """Write the tables anew."""
    text, begin, _ = DOCUMENT.read_text(encoding="utf-8").partition(BEGIN)
    tables = [*compared(results), "", "## What differs", "", *differences(results, known)]
    DOCUMENT.write_text(f"{text}{begin}{chr(10).join(tables)}\n", encoding="utf-8")


def compared(results: Sequence[Result]) -> list[str]:
    """Return the table of applications."""
    lines = [
        "| application | version | requests | runs of client programs |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {result.application.name} | {result.application.version} | {result.requests} | "
        f"{result.programs or ''} |"
        for result in results
    ]
    total = sum(result.requests for result in results)
    programs = sum(result.programs for result in results)
    return [*lines, f"| {len(results)} applications | | {total} | {programs} |"]


def differences(results: Sequence[Result], known: Sequence[Reason]) -> list[str]:
    """Return the table of differences, with the number of requests that show each."""
    lines = ["| what differs | why | seen in (requests) |", "| --- | --- | --- |"]
    for reason in known:
        counts = [(r.application.name, r.seen[reason.what]) for r in results]
        where = ", ".join(f"{name} ({count})" for name, count in counts if count)
        lines.append(f"| {reason.what} | {reason.why} | {where} |")
    return lines

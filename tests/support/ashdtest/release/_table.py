"""The table of what works with what, in `docs/reference/compatibility.md`.

A release keeps its row. What the working tree says has a row as well: under its version as long as
that is not released, else as NEXT, which `prepare` turns into the row of the new version.
"""

from __future__ import annotations

import re
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

from ._tree import Distribution

NEXT = "next"
PAGE = Path("docs", "reference", "compatibility.md")
_ROW = re.compile(r"^\| (ashd-\w+) (\S+) \|.*$", re.MULTILINE)
_PYTHON = re.compile(r"Programming Language :: Python :: (\d\.\d+)$")


def row(distribution: Distribution, version: str | None = None) -> str:
    """Return the row of a distribution, under another version than its own if that is given."""
    pythons = [
        found[1] for each in distribution.project["classifiers"] if (found := _PYTHON.match(each))
    ]
    needed = [_bound(Requirement(line)) for line in distribution.project["dependencies"]]
    extras = [
        f"`{extra}`: {', '.join(_bound(Requirement(line)) for line in lines)}"
        for extra, lines in distribution.extras.items()
    ]
    cells = [
        f"{distribution.name} {version or distribution.version}",
        f"{pythons[0]} to {pythons[-1]}",
        ", ".join(needed) or "nothing",
        "; ".join(extras) or "none",
    ]
    return f"| {' | '.join(cells)} |"


def _bound(requirement: Requirement) -> str:
    """Return a requirement as people write it: the lower bound first."""
    bounds = sorted(map(str, requirement.specifier), key=lambda text: text[0] == "<")
    extras = f"[{','.join(sorted(requirement.extras))}]" if requirement.extras else ""
    return f"{requirement.name}{extras} {', '.join(bounds)}"


def written_rows(text: str) -> dict[tuple[str, str], str]:
    """Return the rows of a page, by distribution and version."""
    return {(found[1], found[2]): found[0] for found in _ROW.finditer(text)}


def table_with(text: str, distribution: Distribution, *, released: bool) -> str:
    """Return a page that has what the working tree says of a distribution.

    If its version is `released`, that one's row stays as it is.
    """
    rows = written_rows(text)
    name, version = distribution.name, str(distribution.version)
    rows.pop((name, NEXT), None)
    if not released:
        rows[name, version] = row(distribution)
    elif rows.get((name, version)) != row(distribution):
        rows[name, NEXT] = row(distribution, NEXT)
    first = min(found.start() for found in _ROW.finditer(text))
    last = max(found.end() for found in _ROW.finditer(text))
    lines = sorted(rows.items(), key=lambda item: _age(item[0][1]), reverse=True)
    lines.sort(key=lambda item: item[0][0])
    return text[:first] + "\n".join(line for _, line in lines) + text[last:]


def _age(version: str) -> tuple[bool, Version]:
    return (True, Version("0")) if version == NEXT else (False, Version(version))


def is_written(text: str, distribution: Distribution) -> bool:
    """Tell whether a page has what the working tree says of a distribution."""
    versions = str(distribution.version), NEXT
    return any(row(distribution, each) in text.splitlines() for each in versions)

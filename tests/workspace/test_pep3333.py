"""docs/reference/pep3333.md: each rule has tests, which exist, or says why not."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
DOCUMENT = TESTS.parent / "docs" / "reference" / "pep3333.md"
NAMED = re.compile(r"`([a-z0-9_/]+\.py)::(test_\w+)`")


def rows() -> list[list[str]]:
    """Return the cells of all rows of tables, without their heads."""
    lines = DOCUMENT.read_text(encoding="utf-8").splitlines()
    tables = [
        line
        for line, following in zip(lines, [*lines[1:], ""], strict=True)
        if line.startswith("| ") and not line.startswith("| --- ") and "| --- |" not in following
    ]
    return [[cell.strip() for cell in line.strip("| ").split(" | ")] for line in tables]


@cache
def functions(file: str) -> frozenset[str]:
    """Return the names of the functions that a file of tests defines."""
    tree = ast.parse((TESTS / file).read_text(encoding="utf-8"))
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


def test_each_rule_has_a_test_or_a_reason() -> None:
    assert len(rows()) > 100
    for row in rows():
        assert len(row) == 3, row
        tests = row[2].split(", ")
        assert row[2].startswith("none: ") or all(map(NAMED.fullmatch, tests)), row


def test_the_tests_exist() -> None:
    named = set(NAMED.findall(DOCUMENT.read_text(encoding="utf-8")))
    missing = [(file, name) for file, name in named if name not in functions(file)]
    assert missing == []

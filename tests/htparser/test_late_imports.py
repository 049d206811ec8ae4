"""A front end in another root directory finds no modules: all must be loaded before."""

from __future__ import annotations

import ast
import importlib.util
from collections.abc import Iterator
from pathlib import Path

from ashd import htparser, proto
from ashd.htparser._privileges import LATE

BEFORE = {"uvloop", "logging.handlers", "errno", "socket", "ashd.htparser._certificates"}
"""What is imported inside functions, too, but surely before privileges are given up."""

FOR_HANDLERS = {"ashd.proto._response_stream"}
"""What only handlers need, which run elsewhere."""


def imported_late(path: Path, package: str) -> Iterator[str]:
    tree = ast.parse(path.read_text())
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                name = "." * node.level + (node.module or "")
                yield importlib.util.resolve_name(name, package)


def test_all_late_imports_are_known() -> None:
    for package in (htparser, proto):
        assert package.__file__ is not None
        for path in Path(package.__file__).parent.glob("*.py"):
            found = set(imported_late(path, package.__name__))
            assert found <= {*LATE, *BEFORE, *FOR_HANDLERS}, path

"""Which part of the namespace may import which, and that no modules import each other in a circle.

Imports inside functions and for type checkers count as well: whoever reads or takes a module out
follows them all the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

MAY_IMPORT: Mapping[str, set[str]] = {
    # ashd-proto: the wire, and what speaks it without knowing of Python applications
    "proto": set(),
    "util": {"proto"},
    "log": set(),
    "accesslog": set(),
    "htparser": {"proto", "util", "log", "accesslog"},
    # ashd-pdm: for any daemon, so it knows nothing of ours
    "pdm": set(),
    # ashd-wsgi: the models know neither ashd nor WSGI; the workers' parent looks at the socket
    "serve": {"proto"},
    "wsgi": {"proto", "util", "serve", "log", "accesslog"},
    "wsgiutil": set(),
    "perf": {"pdm", "serve", "wsgi"},
    # ashd-wsgidir
    "wsgidir": {"wsgi", "wsgiutil"},
    "dirplex": {"proto", "util", "log"},
}

ON_DEMAND: Mapping[str, set[str]] = {
    # only with a debug socket, and to check what --bind says: nobody else pays for them
    "wsgi": {"pdm", "perf", "htparser"},
    # only to send a recorded request to a handler (extra `replay`): other daemons know no handlers
    "pdm": {"proto", "util"},
}
"""Parts that may be imported inside functions only, when somebody asks for what they do."""


@dataclass(frozen=True, slots=True)
class Import:
    """One module imports another; `on_demand` if it does so inside a function."""

    importer: str
    imported: str
    on_demand: bool


def sources() -> dict[str, Path]:
    """Return the file of every module."""
    found = {}
    for folder in ROOT.glob("packages/*/src"):
        for path in folder.glob("ashd/**/*.py"):
            parts = path.relative_to(folder).with_suffix("").parts
            found[".".join(parts).removesuffix(".__init__")] = path
    return found


SOURCES = sources()


def targets(node: ast.AST, package: list[str]) -> Iterator[str]:
    """Yield the modules of ours that a statement imports."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name in SOURCES)
    elif isinstance(node, ast.ImportFrom):
        above = package[: len(package) - node.level + 1] if node.level else []
        base = ".".join([*above, *([node.module] if node.module else [])])
        for alias in node.names:
            submodule = f"{base}.{alias.name}"
            if submodule in SOURCES:
                yield submodule
            elif base in SOURCES:
                yield base


def imports_below(
    node: ast.AST, importer: str, package: list[str], on_demand: bool
) -> Iterator[Import]:
    for child in ast.iter_child_nodes(node):
        for imported in targets(child, package):
            yield Import(importer, imported, on_demand)
        inside = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from imports_below(child, importer, package, on_demand or inside)


def imports() -> Iterator[Import]:
    for name, path in SOURCES.items():
        words = name.split(".")
        package = words if path.name == "__init__.py" else words[:-1]
        tree = ast.parse(path.read_text(encoding="utf-8"))
        yield from imports_below(tree, name, package, on_demand=False)


IMPORTS = list(imports())


def part(module: str) -> str:
    return module.split(".")[1]


def distribution(module: str) -> str:
    return SOURCES[module].relative_to(ROOT / "packages").parts[0]


def test_every_part_has_a_rule() -> None:
    assert {part(name) for name in SOURCES} == set(MAY_IMPORT)


@pytest.mark.parametrize("name", MAY_IMPORT)
def test_parts_import_what_they_may(name: str) -> None:
    wrong = []
    for one in IMPORTS:
        if part(one.importer) != name or part(one.imported) == name:
            continue
        allowed = MAY_IMPORT[name] | (ON_DEMAND.get(name, set()) if one.on_demand else set())
        if part(one.imported) not in allowed:
            wrong.append(f"{one.importer} imports {one.imported}")
    assert not wrong, "; ".join(wrong)


def test_distributions_use_what_others_make_public() -> None:
    """They are released by themselves: a private module of another may be gone."""
    wrong = [
        f"{one.importer} imports {one.imported}"
        for one in IMPORTS
        if distribution(one.importer) != distribution(one.imported)
        and any(word.startswith("_") for word in one.imported.split("."))
    ]
    assert not wrong, "; ".join(wrong)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph: dict[str, set[str]] = {name: set() for name in SOURCES}
    for one in IMPORTS:
        on_demand = one.on_demand and part(one.imported) in ON_DEMAND.get(part(one.importer), set())
        if not on_demand:
            graph[one.importer].add(one.imported)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(f"these import each other in a circle: {' -> '.join(error.args[1])}")

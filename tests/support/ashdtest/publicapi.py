"""What each distribution makes public, a line for each name, as in `tests/workspace/api/NAME.txt`.

`python -m ashdtest.publicapi` compares (the session `types`); `--write` (the session `api`) writes
the files anew. Sources are read, not imported, but for the options of commands: the lines are the
same on every Python.
"""

from __future__ import annotations

import argparse
import difflib
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import griffe

from ashd.pdm.command._parser import make_parser, make_repl_parser

from .manual import COMMANDS

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "tests" / "workspace" / "api"
HOW = """\

The public interface has changed. If that is meant, run `python3 dev.py test -s api`, and commit
what it writes. A name that goes needs the next major version of its distribution, everything else
the next minor version (docs/explanation/releases.md)."""

LONGEST_VALUE = 60
"""Longer values of constants are left out."""

UNCALLED = {"__init__", "__slots__", "__repr__", "__str__", "__del__", "__hash__", "__post_init__"}
"""What Python calls, or the line of the class has."""


def packages() -> list[Path]:
    """Return the folders of the distributions."""
    return sorted(path.parent for path in ROOT.glob("packages/*/pyproject.toml"))


def read() -> griffe.ModulesCollection:
    """Read the sources of all distributions."""
    loader = griffe.GriffeLoader(search_paths=[package / "src" for package in packages()])
    loader.load("ashd", try_relative_path=False)
    return loader.modules_collection


def snapshot(package: Path, sources: griffe.ModulesCollection) -> list[str]:
    """Return the lines of a distribution."""
    lines = [f"command {name}" for name in _project(package).get("scripts", {})]
    lines += sorted(_options(package.name))
    for name in public_modules(package):
        module = sources[name]
        for export in sorted(str(each) for each in module.exports or []):
            lines += _lines(f"{name}.{export}", module[export])
    return lines


def _options(distribution: str) -> Iterator[str]:
    """Yield a line for each option of its commands."""
    for command in COMMANDS:
        if command.package == distribution:
            for option in command.options:
                for flag in option.flags:
                    yield f"option {command.name} {flag} {option.metavar}".rstrip()
    if distribution == "ashd-pdm":
        yield from _options_of(make_parser())
        yield from _options_of(make_repl_parser())


def _options_of(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Yield a line for each option of a parser and of its subcommands."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for subcommand in action.choices.values():
                yield from _options_of(subcommand)
        elif "--help" not in action.option_strings:
            value = "" if action.nargs == 0 else str(action.metavar)
            for flag in action.option_strings:
                yield f"option {parser.prog} {flag} {value}".rstrip()


def public_modules(package: Path) -> list[str]:
    """Return the names of the packages in ashd that say what is public."""
    source = package / "src"
    found = []
    for path in source.glob("ashd/**/__init__.py"):
        parts = path.relative_to(source).parent.parts
        private = any(part.startswith("_") for part in parts)
        if not private and "__all__" in path.read_text(encoding="utf-8"):
            found.append(".".join(parts))
    return sorted(found)


def _project(package: Path) -> dict[str, dict[str, str]]:
    text = (package / "pyproject.toml").read_text(encoding="utf-8")
    project: dict[str, dict[str, str]] = tomllib.loads(text)["project"]
    return project


def _lines(name: str, found: griffe.Object | griffe.Alias) -> Iterator[str]:
    """Yield the line of a name, and of a class those of its members."""
    if found.is_alias:
        found = cast("griffe.Alias", found).final_target
    if isinstance(found, griffe.Function):
        yield f"{_words(found)}{name}{_signature(found)}"
    elif isinstance(found, griffe.Attribute):
        yield f"{_words(found)}{name}{_type_and_value(found)}"
    elif isinstance(found, griffe.Class):
        yield f"class {name}{_init(found)}{_bases(found)}"
        for member in sorted(found.all_members):
            special = member.startswith("__") and member.endswith("__")
            if not member.startswith("_") or (special and member not in UNCALLED):
                yield from _lines(f"{name}.{member}", found.all_members[member])
    else:
        yield f"module {name}"


def _words(found: griffe.Object) -> str:
    """Return what stands before a name: how it is called or read."""
    known = {"async", "property", "staticmethod", "classmethod"}
    labels = found.labels & known
    return "".join(f"{label} " for label in sorted(labels))


def _init(found: griffe.Class) -> str:
    made = found.all_members.get("__init__")
    target = made.final_target if isinstance(made, griffe.Alias) else made
    return _signature(target, whole=False) if isinstance(target, griffe.Function) else ""


def _bases(found: griffe.Class) -> str:
    """Return the public bases; private ones may change, and their members are listed."""
    bases = [str(base).partition("[")[0].rpartition(".")[2] for base in found.bases]
    public = [base for base in bases if not base.startswith("_")]
    return f" < {', '.join(public)}" if public else ""


def _signature(found: griffe.Function, *, whole: bool = True) -> str:
    """Return a function's parameters and, if `whole`, what it returns."""
    is_method = isinstance(found.parent, griffe.Class) and "staticmethod" not in found.labels
    parameters = list(found.parameters)[1 if is_method else 0 :]
    texts = []
    seen_star = False
    for parameter in parameters:
        kind = parameter.kind
        if kind is griffe.ParameterKind.keyword_only and not seen_star:
            texts.append("*")
            seen_star = True
        stars = {griffe.ParameterKind.var_positional: "*", griffe.ParameterKind.var_keyword: "**"}
        seen_star = seen_star or kind is griffe.ParameterKind.var_positional
        text = f"{stars.get(kind, '')}{parameter.name.lstrip('*')}"
        text += f": {parameter.annotation}" if parameter.annotation is not None else ""
        if parameter.default is not None and kind not in stars:
            text += f" = {parameter.default}"
        texts.append(text)
    returns = f" -> {found.returns}" if whole and found.returns is not None else ""
    return f"({', '.join(texts)}){returns}"


def _type_and_value(found: griffe.Attribute) -> str:
    if found.annotation is not None:
        return f": {found.annotation}"
    value = str(found.value)
    return f" = {value if len(value) <= LONGEST_VALUE else '...'}"


def main(arguments: list[str]) -> int:
    """Compare, or write; return an exit status."""
    differences: list[str] = []
    sources = read()
    for package in packages():
        path = FOLDER / f"{package.name}.txt"
        lines = [f"{line}\n" for line in snapshot(package, sources)]
        if "--write" in arguments:
            path.parent.mkdir(exist_ok=True)
            path.write_text("".join(lines), encoding="utf-8")
        old = path.read_text(encoding="utf-8").splitlines(keepends=True)
        differences += difflib.unified_diff(old, lines, path.name, package.name, n=0)
    print("".join([*differences, HOW if differences else "the public interfaces are as recorded"]))
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

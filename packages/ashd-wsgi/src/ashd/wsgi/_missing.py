"""Why a module is not found. Imported when it isn't."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from ._environ import working_directory
from ._suggest import did_you_mean

_MOST = 1000
"""Folders that are looked into for a module that stands one folder further down."""


def hint(name: str, path: Sequence[str]) -> str:
    """Return what may be wrong with a module's name, or with the path that it is looked for in.

    `path` are the folders that were asked for.
    """
    parent, _, last = name.rpartition(".")
    if parent:
        package = sys.modules.get(parent)
        return did_you_mean(last, _modules(list(getattr(package, "__path__", ()))))
    working = working_directory()
    if similar := did_you_mean(name, _modules(path)):
        return similar
    for folder in _folders_below(path or [working]):
        if name in _modules([str(folder)]):
            return f"; it is in {folder}: say -p {folder}"
    if working in path:
        return f" ({working} is on it; say -p FOLDER for another one)"
    return " (the working directory is not on it unless you say -p .)"


def _modules(folders: Sequence[str]) -> set[str]:
    found = set()
    for folder in folders:
        for entry in _entries(Path(folder)):
            if entry.suffix == ".py":
                found.add(entry.stem)
            elif "." not in entry.name and (entry / "__init__.py").exists():
                found.add(entry.name)
    return found


def _folders_below(folders: Sequence[str]) -> Iterator[Path]:
    below = [entry for folder in folders for entry in _entries(Path(folder)) if entry.is_dir()]
    yield from below[:_MOST]


def _entries(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []

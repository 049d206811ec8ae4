"""Distributions, as the working tree and the tags of their releases have them."""

from __future__ import annotations

import io
import subprocess
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.version import InvalidVersion, Version

TREE = "the working tree"

_WITH_FILTER: dict[str, Any] = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}
"""Python 3.11 has it from 3.11.4 on."""


@dataclass(frozen=True)
class Distribution:
    """What the `pyproject.toml` of a distribution says; `origin` is a tag, or the working tree."""

    name: str
    origin: str
    project: dict[str, Any]
    parts: tuple[str, ...]

    @property
    def version(self) -> Version:
        return Version(self.project["version"])

    @property
    def extras(self) -> dict[str, list[str]]:
        extras: dict[str, list[str]] = self.project.get("optional-dependencies", {})
        return extras

    def requirements(self) -> Iterator[Requirement]:
        """Yield what it needs, always or with an extra."""
        for line in self.project.get("dependencies", []):
            yield Requirement(line)
        for lines in self.extras.values():
            yield from map(Requirement, lines)

    def bounds_of(self, sibling: str) -> list[Requirement]:
        """Return what it says of a sibling."""
        return [each for each in self.requirements() if each.name == sibling]

    def allows(self, other: Distribution) -> bool:
        """Tell whether what it says of the other lets it be installed beside."""
        bounds = self.bounds_of(other.name)
        return all(each.specifier.contains(other.version, prereleases=True) for each in bounds)


class Repository:
    """A clone, its distributions and their releases; it is asked for each tag once."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.names = sorted(path.parent.name for path in root.glob("packages/*/pyproject.toml"))
        self.at = cache(self._at)
        self.tags = cache(self._tags)

    def git(self, *words: str) -> str:
        """Return what git says, without the end of the last line."""
        return self._git(*words).decode().rstrip("\n")

    def _git(self, *words: str) -> bytes:
        return subprocess.run(
            ["git", *words], cwd=self.root, stdout=subprocess.PIPE, check=True
        ).stdout

    def _tags(self, name: str) -> dict[Version, str]:
        """Return the tags of a distribution's releases, the oldest first."""
        found = {}
        for tag in self.git("tag", "--list", f"{name}/v*").split():
            try:
                found[Version(tag.removeprefix(f"{name}/v"))] = tag
            except InvalidVersion:
                continue
        return dict(sorted(found.items()))

    def in_tree(self, name: str) -> Distribution:
        """Return a distribution as the working tree has it."""
        path = self.root / "packages" / name / "pyproject.toml"
        return _parsed(name, TREE, path.read_text(encoding="utf-8"))

    def _at(self, name: str, tag: str) -> Distribution:
        """Return a distribution as a tag has it."""
        return _parsed(name, tag, self.git("show", f"{tag}:packages/{name}/pyproject.toml"))

    def file_at(self, tag: str, path: str) -> list[str]:
        """Return the lines of a file as a tag has it; none if it wasn't there."""
        if not self.git("ls-tree", tag, path):
            return []
        return self.git("show", f"{tag}:{path}").splitlines()

    def sources(self, origin: str, folder: Path) -> Path:
        """Return the root of the tree that `origin` names; a tag is unpacked in `folder`."""
        if origin == TREE:
            return self.root
        target = folder / origin.replace("/", "-")
        if not target.exists():
            with tarfile.open(fileobj=io.BytesIO(self._git("archive", origin))) as archive:
                archive.extractall(target, **_WITH_FILTER)
        return target


def _parsed(name: str, origin: str, text: str) -> Distribution:
    settings = tomllib.loads(text)
    included = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["only-include"]
    return Distribution(name, origin, settings["project"], tuple(Path(p).name for p in included))

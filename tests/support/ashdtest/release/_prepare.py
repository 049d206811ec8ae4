"""Write what a release changes: the version, the changelog, and the row of the table."""

from __future__ import annotations

import re
import subprocess
import sys

from ._checks import VERSION_IN_SOURCE
from ._table import PAGE, table_with
from ._tree import Repository

_VERSION = re.compile(r'^version = ".*"$', re.MULTILINE)


def prepare(repository: Repository, name: str, version: str) -> None:
    """Write it into the working tree; towncrier takes the fragments away."""
    set_version(repository, name, version)
    changes = ["--config", "pyproject.toml", "--dir", f"packages/{name}", "--version", version]
    command = [sys.executable, "-m", "towncrier", "build", "--yes", *changes]
    subprocess.run(command, cwd=repository.root, check=True)
    renew_table(repository, name, released=False)


def renew_table(repository: Repository, name: str, *, released: bool) -> None:
    """Write what the working tree says of a distribution into the table."""
    page = repository.root / PAGE
    text = table_with(page.read_text(encoding="utf-8"), repository.in_tree(name), released=released)
    page.write_text(text, encoding="utf-8")


def set_version(repository: Repository, name: str, version: str) -> None:
    """Write the version of a distribution wherever it stands."""
    package = repository.root / "packages" / name
    path = package / "pyproject.toml"
    text = path.read_text(encoding="utf-8")
    path.write_text(_VERSION.sub(f'version = "{version}"', text, count=1), encoding="utf-8")
    for path in package.glob("src/**/_version.py"):
        text = path.read_text(encoding="utf-8")
        path.write_text(
            VERSION_IN_SOURCE.sub(f'VERSION: str = "{version}"', text), encoding="utf-8"
        )

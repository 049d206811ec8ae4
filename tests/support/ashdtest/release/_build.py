"""Build what is released, twice, and look at it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from ._tree import Repository


class ReleaseError(Exception):
    """A release can't go on."""


def run(*command: str | Path, cwd: Path, env: dict[str, str] | None = None) -> None:
    """Run a command that says by itself what is wrong. Raises ReleaseError when it fails."""
    words = [str(word) for word in command]
    print(f"$ {' '.join(words)}", flush=True)
    if subprocess.run(words, cwd=cwd, env={**os.environ, **(env or {})}, check=False).returncode:
        raise ReleaseError(f"this failed: {' '.join(words)}")


def build(root: Path, name: str, folder: Path, *options: str, epoch: str) -> None:
    """Build a distribution with the tools of this environment, the same bytes for one `epoch`."""
    package = root / "packages" / name
    words = ("-m", "build", "--no-isolation", *options, "--outdir", str(folder), str(package))
    run(sys.executable, *words, cwd=root, env={"SOURCE_DATE_EPOCH": epoch})


def build_release(repository: Repository, name: str, version: str, scratch: Path) -> Path:
    """Return the folder with the source distribution and the wheel, checked."""
    folder = repository.root / "dist" / f"{name}-{version}"
    again = scratch / "again"
    shutil.rmtree(folder, ignore_errors=True)
    epoch = repository.git("log", "-1", "--format=%ct")
    for each in (folder, again):
        build(repository.root, name, each, epoch=epoch)
    look = repository.root / "tests" / "workspace" / "distributions.py"
    run(sys.executable, look, folder, again, cwd=repository.root)
    files = sorted(folder.iterdir())
    _tool("twine", "check", "--strict", *files, cwd=repository.root)
    _tool("check_wheel_contents", *_wheels(files), cwd=repository.root)
    return folder


def _tool(module: str, *arguments: str | Path, cwd: Path) -> None:
    run(sys.executable, "-m", module, *arguments, cwd=cwd)


def _wheels(files: Sequence[Path]) -> list[Path]:
    return [path for path in files if path.suffix == ".whl"]

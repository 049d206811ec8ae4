"""Check the wheels and sdists in a folder (its only argument). For `nox -s wheels`."""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

SDIST_TOP = {
    "src",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "PKG-INFO",
    ".gitignore",
    "mypyc.ini",
}
OPTIONAL = {".gitignore", "mypyc.ini"}

BESIDE = (".dist-info", ".so")
"""What may lie beside ashd/: of a compiled wheel, the one library that its modules share."""


def wheel_faults(names: list[str]) -> Iterator[str]:
    """Yield what is wrong with the files of a wheel."""
    paths = [PurePosixPath(name) for name in names]
    parts = {path.parts[1] for path in paths if path.parts[0] == "ashd" and len(path.parts) > 2}
    for path in paths:
        if path.parts[0].endswith(".data"):
            if path.parts[1:4] != ("data", "share", "man"):
                yield f"{path} would be installed outside of the library, and is no manual page"
        elif path.parts[0] != "ashd" and not path.parts[0].endswith(BESIDE):
            yield f"{path} lies beside ashd/"
        if path.parts[0] == "ashd" and len(path.parts) == 2:
            yield f"{path} lies in the namespace itself"
        if "__pycache__" in path.parts:
            yield f"{path} is compiled code"
    for part in sorted(parts):
        for needed in ("__init__.py", "py.typed"):
            if f"ashd/{part}/{needed}" not in names:
                yield f"ashd/{part}/{needed} is missing"
    if not parts:
        yield "there is no ashd/<part>/ in it"
    if not any(name.endswith(".dist-info/licenses/LICENSE") for name in names):
        yield "LICENSE is missing"


def sdist_faults(names: list[str]) -> Iterator[str]:
    """Yield what is wrong with the files of an sdist."""
    inside = [PurePosixPath(*PurePosixPath(name).parts[1:]) for name in names]
    tops = {path.parts[0] for path in inside if path.parts}
    yield from (f"{top} has no business there" for top in sorted(tops - SDIST_TOP))
    yield from (f"{top} is missing" for top in sorted(SDIST_TOP - OPTIONAL - tops))
    if PurePosixPath("src/ashd/__init__.py") in inside:
        yield "src/ashd/__init__.py is there"


def main(folder: Path) -> int:
    """Print what is wrong; return an exit status."""
    faults = []
    files = sorted(folder.iterdir())
    for path in files:
        if path.suffix == ".whl":
            with zipfile.ZipFile(path) as wheel:
                found = list(wheel_faults(wheel.namelist()))
        else:
            with tarfile.open(path) as sdist:
                found = list(sdist_faults(sdist.getnames()))
        faults += [f"{path.name}: {fault}" for fault in found]
    print(*faults or [f"{len(files)} distributions are as they should be"], sep="\n")
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

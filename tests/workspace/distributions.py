"""Check the wheels and sdists in a folder, for the session `wheels`.

    distributions.py FOLDER [SAME-BUILT-AGAIN [--write]]

If they were built twice, both must be the same bytes, and have the files that `manifest.txt` lists;
`--write` makes that list anew.
"""

from __future__ import annotations

import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

SDIST_TOP = {
    "src",
    "share",
    "pyproject.toml",
    "README.md",
    "LICENSE",
    "CHANGELOG.md",
    "PKG-INFO",
    ".gitignore",
    "mypyc.ini",
}
OPTIONAL = {".gitignore", "mypyc.ini"}

SHARED = [
    "man/man1",
    "bash-completion/completions",
    "zsh/site-functions",
    "fish/vendor_completions.d",
]
"""Where manual pages and completions are installed, below share/."""

BESIDE = (".dist-info", ".so")
"""What may lie beside ashd/: of a compiled wheel, the one library that its modules share."""


def wheel_faults(names: list[str]) -> Iterator[str]:
    """Yield what is wrong with the files of a wheel."""
    paths = [PurePosixPath(name) for name in names]
    parts = {path.parts[1] for path in paths if path.parts[0] == "ashd" and len(path.parts) > 2}
    for path in paths:
        if path.parts[0].endswith(".data"):
            if not any(path.match(f"*.data/data/share/{folder}/*") for folder in SHARED):
                yield f"{path} would be installed outside of the library, where nobody looks"
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


MANIFEST = Path(__file__).with_name("manifest.txt")


def members(path: Path) -> list[str]:
    """Return the names of the files in a distribution."""
    if path.suffix == ".whl":
        with zipfile.ZipFile(path) as wheel:
            return wheel.namelist()
    with tarfile.open(path) as sdist:
        return [member.name for member in sdist if member.isfile()]


def manifest(files: list[Path]) -> list[str]:
    """Return a line for each file in each distribution; versions don't count."""
    lines = []
    for path in files:
        kind = "wheel" if path.suffix == ".whl" else "sdist"
        name, version = path.name.removesuffix(".tar.gz").split("-")[:2]
        for member in members(path):
            short = member.replace(f"{name}-{version}", name)
            lines.append(f"{name} {kind} {short}")
    return sorted(lines)


def listed_faults(files: list[Path]) -> Iterator[str]:
    """Yield the differences between what was built and the list."""
    built = set(manifest(files))
    names = {line.split()[0] for line in built}
    text = MANIFEST.read_text(encoding="utf-8")
    listed = {line for line in text.splitlines() if line.split()[0] in names}
    hint = "(python3 dev.py test -s wheels -- --write)"
    yield from (f"{line}: built, but not in manifest.txt {hint}" for line in sorted(built - listed))
    yield from (f"{line}: in manifest.txt, but not built {hint}" for line in sorted(listed - built))


def main(folders: list[Path], options: list[str]) -> int:
    """Print what is wrong; return an exit status."""
    folder, *again = folders
    faults = []
    files = sorted(folder.iterdir())
    for path in files:
        check = wheel_faults if path.suffix == ".whl" else sdist_faults
        faults += [f"{path.name}: {fault}" for fault in check(members(path))]
    for other in again:
        if "--write" in options:
            MANIFEST.write_text("\n".join(manifest(files)) + "\n", encoding="utf-8")
        faults += listed_faults(files)
        faults += [
            f"{path.name}: another build of it has other bytes"
            for path in files
            if path.read_bytes() != (other / path.name).read_bytes()
        ]
    print(*faults or [f"{len(files)} distributions are as they should be"], sep="\n")
    return 1 if faults or not files else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:3]], sys.argv[3:]))

"""Check that what a package's folder says is compiled was installed so. For `nox -s compiled`.

    python compiled.py packages/ashd-proto [FOLDER ...]

cibuildwheel runs it for every wheel.
"""

from __future__ import annotations

import sys
import tomllib
from importlib import import_module
from pathlib import Path


def modules(package: Path) -> list[str]:
    """Return the names of the modules that are compiled when the package is built so."""
    settings = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))
    hook = settings["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["mypyc"]
    names = (Path(name).relative_to("src").with_suffix("") for name in hook["include"])
    return [".".join(name.parts) for name in names]


def main(packages: list[Path]) -> int:
    """Print what was not compiled; return an exit status."""
    names = [name for package in packages for name in modules(package)]
    faults = [name for name in names if (import_module(name).__file__ or "").endswith(".py")]
    print(*(f"{name} is not compiled" for name in faults), sep="\n", end="")
    print(f"{len(names) - len(faults)} modules are compiled")
    return 1 if faults or not names else 0


if __name__ == "__main__":
    sys.exit(main([Path(argument) for argument in sys.argv[1:]]))

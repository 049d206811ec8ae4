"""Import every module of the namespace `ashd` that is installed. For `nox -s wheels`."""

from __future__ import annotations

import importlib
import pkgutil
import sys
from pathlib import Path

import ashd

PACKAGES = Path(__file__).parents[2] / "packages"


def main() -> int:
    """Print what is missing; return an exit status."""
    found = {module.name for module in pkgutil.walk_packages(ashd.__path__, "ashd.")}
    for name in sorted(found):
        importlib.import_module(name)
    sources = [
        path.relative_to(path.parents[len(path.parts) - 1 - path.parts.index("src")])
        for path in PACKAGES.glob("*/src/ashd/**/*.py")
    ]
    expected = {".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in sources}
    print(f"imported {len(found)} modules of {len(expected)}")
    for name in sorted(expected ^ found):
        print(f"{name} is {'not installed' if name in expected else 'not in the tree'}")
    return 1 if expected != found or getattr(ashd, "__file__", None) else 0


if __name__ == "__main__":
    sys.exit(main())

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
    expected = set()
    for source in PACKAGES.glob("*/src"):
        for path in source.glob("ashd/**/*.py"):
            module = path.relative_to(source).with_suffix("").parts
            expected.add(".".join(module).removesuffix(".__init__"))
    print(f"imported {len(found)} modules of {len(expected)}")
    for name in sorted(expected ^ found):
        print(f"{name} is {'not installed' if name in expected else 'not in the tree'}")
    return 1 if expected != found or getattr(ashd, "__file__", None) else 0


if __name__ == "__main__":
    sys.exit(main())

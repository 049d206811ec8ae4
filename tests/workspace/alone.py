"""Check that a distribution came alone: `python alone.py DISTRIBUTION MODULE...`."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys

TOOLS = {"pip", "setuptools", "wheel"}  # what a new virtual environment may hold by itself


def main(distribution: str, modules: list[str]) -> int:
    """Print what else is there; return an exit status."""
    names = {found.name.lower() for found in importlib.metadata.distributions()}
    strangers = names - TOOLS - {distribution}
    for module in modules:
        importlib.import_module(module)
    print(f"{distribution} imports, and is alone" if not strangers else f"not alone: {strangers}")
    return 1 if strangers or distribution not in names else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))

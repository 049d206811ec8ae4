"""Type checkers see every public module used."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def public_modules() -> set[str]:
    """Return the names of the packages in ashd that say what is public."""
    found = set()
    for path in ROOT.glob("packages/*/src/ashd/**/__init__.py"):
        name = ".".join(path.relative_to(ROOT / "packages").parent.parts[2:])
        if "._" not in name and "__all__" in path.read_text(encoding="utf-8"):
            found.add(name)
    return found


def test_clients_use_every_public_module() -> None:
    text = "".join(path.read_text(encoding="utf-8") for path in ROOT.glob("tests/clients/*.py"))
    used = set(re.findall(r"^from (ashd[.\w]+) import", text, re.MULTILINE))
    assert public_modules() - used == set()

"""The workflow files run sessions that exist; the session `workflows` checks the rest."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = re.compile(r"(?:dev\.py test|\.ci/run) -s (.+?)(?: -- .*)?$", re.MULTILINE)


def sessions() -> set[str]:
    """Return the names of all sessions, without a Python."""
    files = (ROOT / "noxfile.py", ROOT / "tests/support/ashdtest/publishing.py")
    text = "".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(r"^def (\w+)\(session: nox\.Session", text, re.MULTILINE))


def test_workflows_run_sessions_that_exist() -> None:
    found = set()
    for path in ROOT.glob(".github/workflows/*.yml"):
        for line in COMMAND.findall(path.read_text(encoding="utf-8")):
            found |= {word.strip('"').partition("-")[0] for word in line.split()}
    assert {"lint", "unit", "release"} <= found
    assert found <= sessions()

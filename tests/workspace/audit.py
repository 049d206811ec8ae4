"""Look up what is installed here in the data on published vulnerabilities. For `nox -s audit`."""

from __future__ import annotations

import importlib.metadata
import json
import subprocess
import sys
import tempfile
from typing import Any

OURS = "ashd-"


def installed() -> list[str]:
    """Return what is installed beside ours, as lines of requirements."""
    found = importlib.metadata.distributions()
    return sorted({f"{d.name}=={d.version}" for d in found if not d.name.startswith(OURS)})


def ask(requirements: list[str]) -> list[dict[str, Any]]:
    """Return what pip-audit knows of each; nothing if it can't reach its data."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write("\n".join(requirements))
        file.flush()
        options = ["--disable-pip", "--no-deps", "--progress-spinner=off", "--format=json"]
        command = [sys.executable, "-m", "pip_audit", *options, "--requirement", file.name]
        said = subprocess.run(command, capture_output=True, text=True, check=False)
    if not said.stdout.startswith("{"):
        print("Nothing can be looked up:", said.stderr.strip().splitlines()[-1])
        return []
    found: list[dict[str, Any]] = json.loads(said.stdout)["dependencies"]
    return found


def main() -> int:
    """Print what is vulnerable; return an exit status."""
    found = ask(installed())
    known = [each for each in found if "skip_reason" not in each]
    if found and not known:
        print("Nothing can be looked up: the index of packages has no data on vulnerabilities")
    if not known:
        return 0
    faults = [
        f"{each['name']} {each['version']}: {fault['id']}, fixed in {fault['fix_versions']}"
        for each in known
        for fault in each["vulns"]
    ]
    print(*faults or [f"distributions without known vulnerabilities: {len(known)}"], sep="\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())

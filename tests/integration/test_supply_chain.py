"""What the checks of dependencies say, of data that is made up."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from importlib.metadata import Distribution, PathDistribution
from pathlib import Path
from types import ModuleType

SCRIPTS = Path(__file__).parents[1] / "workspace"


def load(name: str) -> ModuleType:
    """Load a script of the workspace."""
    spec = importlib.util.spec_from_file_location(name, SCRIPTS / f"{name}.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def audit(folder: Path, program: str) -> tuple[int, str]:
    """Return the status and the output of `audit.py` with this in place of pip-audit."""
    (folder / "pip_audit.py").write_text(program, encoding="utf-8")
    env = {**os.environ, "PYTHONPATH": str(folder)}
    command = [sys.executable, str(SCRIPTS / "audit.py")]
    ended = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True, check=False)
    return ended.returncode, ended.stdout


def knowing(*found: Mapping[str, object]) -> str:
    """Return a pip-audit that has found this; it fails if there are vulnerabilities."""
    status = any(each.get("vulns") for each in found)
    return f"print({json.dumps({'dependencies': found})!r}); raise SystemExit({int(status)})"


def test_vulnerabilities_are_named_with_the_version_that_has_none(tmp_path: Path) -> None:
    fault = {"id": "PYSEC-1", "fix_versions": ["1.1"], "aliases": [], "description": "Bad."}
    safe = {"name": "good", "version": "2.0", "vulns": []}
    bad = {"name": "bad", "version": "1.0", "vulns": [fault]}
    assert audit(tmp_path, knowing(safe)) == (0, "distributions without known vulnerabilities: 1\n")
    assert audit(tmp_path, knowing(safe, bad)) == (1, "bad 1.0: PYSEC-1, fixed in ['1.1']\n")


def test_an_audit_without_data_says_so(tmp_path: Path) -> None:
    unknown = {"name": "good", "skip_reason": "not found"}
    failing = "raise SystemExit('ConnectionError: no network')"
    for program in (knowing(unknown), failing):
        status, said = audit(tmp_path, program)
        assert (status, said.partition(":")[0]) == (0, "Nothing can be looked up")


def distribution(folder: Path, *lines: str) -> Distribution:
    """Return an installed distribution with this metadata."""
    place = folder / "some-1.0.dist-info"
    place.mkdir(exist_ok=True)
    text = "\n".join(["Metadata-Version: 2.4", "Name: some", "Version: 1.0", *lines, ""])
    (place / "METADATA").write_text(text, encoding="utf-8")
    return PathDistribution(place)


def test_licenses_are_read_wherever_they_stand(tmp_path: Path) -> None:
    licenses = load("licenses")
    for line, expected in (
        ("License-Expression: Apache-2.0 AND BSD-2-Clause", {"Apache-2.0", "BSD-2-Clause"}),
        ("Classifier: License :: OSI Approved :: MIT License", {"MIT"}),
        ("License: GPL", {"GPL"}),
        ("Summary: no word of it", {"nothing"}),
    ):
        found = licenses.licenses(distribution(tmp_path, line))
        assert found == expected
        assert (found <= licenses.ALLOWED) == (expected not in ({"GPL"}, {"nothing"}))

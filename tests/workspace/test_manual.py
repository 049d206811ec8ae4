"""Manual pages and completions say what the commands' tables of options say."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ashdtest.manual import generated_files

ROOT = Path(__file__).parents[2]
HOW = "run: python3 dev.py test -s man"


def test_what_is_generated_is_up_to_date() -> None:
    for path, text in generated_files().items():
        name = path.relative_to(ROOT)
        assert path.is_file(), f"{name} is missing; {HOW}"
        assert path.read_text(encoding="utf-8") == text, f"{name} is out of date; {HOW}"


def test_nothing_is_left_of_what_was_generated_once() -> None:
    shared = {path for path in ROOT.glob("packages/*/share/**/*") if path.is_file()}
    by_hand = {path for path in shared if path.parts[-5] == "ashd-pdm"}
    generated = {path for path in generated_files() if "packages" in path.parts}
    assert shared - by_hand == generated


def test_every_command_has_a_page() -> None:
    for package in ROOT.glob("packages/*"):
        project = tomllib.loads((package / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        pages = {path.stem for path in package.glob("share/man/man1/*.1")}
        assert set(project.get("scripts", {})) == pages

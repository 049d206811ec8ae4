"""What all commands have: `--help`, `--version`, manual pages, and completion in the shells."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, program
from ashdtest.terminal import Terminal, terminal

ROOT = Path(__file__).parents[2]
PROJECTS = [
    tomllib.loads(path.read_text(encoding="utf-8"))["project"]
    for path in ROOT.glob("packages/*/pyproject.toml")
]
SEARCHED = f"{Path(sys.executable).parent}:{os.environ['PATH']}"

COMPLETED = {
    "ashd-wsgi --log-format j": "json",
    "ashd-wsgi --leave-l": "--leave-logging",
    "ashd-wsgi --bind :8080 -p fold": "folder/",
    "ashd-wsgi -t pool app:x --he": "--hello.txt",
    "ashd-wsgi3 --max-req": "--max-requests",
    "scgi-wsgi -t po": "pool",
    "scgi-wsgi --model=rp": "--model=rplex",
    "ashd-htparser plain:mo": "plain:mode=",
    "ashd-htparser --no-re": "--no-respawn",
    "ashd-htparser -r fold": "folder/",
    "ashd-htparser plain:port=80 -- ashd-dirp": "ashd-dirplex",
    "ashd-dirplex --strict fold": "folder/",
}
"""What is typed, and what its last word becomes. Options end at the application's name."""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Make a working directory in which some things can be completed."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.txt").touch()
    (tmp_path / "--hello.txt").touch()
    return tmp_path


def said(name: str, option: str) -> str:
    command = [program(name), option]
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=DEADLINE * 3, check=False
    )
    assert (found.returncode, found.stderr) == (0, ""), command
    return found.stdout


@pytest.mark.parametrize("project", PROJECTS, ids=lambda project: str(project["name"]))
def test_every_command_tells_its_version_and_its_options(project: dict[str, object]) -> None:
    scripts = project.get("scripts")
    assert isinstance(scripts, dict)
    for name in scripts:
        who = f"({name}|{project['name']})"
        assert re.match(rf"{who}[ /]{project['version']}\s", said(name, "--version"))
        assert said(name, "--help").startswith(f"usage: {name} ")


@needs("mandoc")
def test_mandoc_finds_no_fault_in_the_manual_pages() -> None:
    pages = [
        str(path)
        for path in ROOT.glob("packages/*/share/man/man1/*.1")
        if not path.read_text(encoding="utf-8").startswith(".so ")  # another name of a page
    ]
    command = ["mandoc", "-T", "lint", "-W", "warning", *pages]
    found = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (found.returncode, found.stdout) == (0, "")


@needs("fish")
def test_fish(place: Path) -> None:
    folders = [str(path) for path in ROOT.glob("packages/*/share/fish/vendor_completions.d")]
    code = "set fish_complete_path $argv; while read -l line; complete -C $line; end"
    found = subprocess.run(
        ["fish", "--no-config", "-c", code, *folders],
        input="\n".join(COMPLETED) + "\n",
        capture_output=True,
        text=True,
        check=True,
        cwd=place,
        env={**os.environ, "PATH": SEARCHED, "HOME": str(place)},
    )
    offered = [line.split("\t")[0] for line in found.stdout.splitlines()]
    assert offered == list(COMPLETED.values())


@needs("zsh", "tmux")
def test_zsh(place: Path) -> None:
    folders = " ".join(map(str, ROOT.glob("packages/*/share/zsh/site-functions")))
    start = f"fpath+=({folders}); autoload -Uz compinit; compinit -u -d dump; PS1='ready> '"
    (place / ".zshrc").write_text(f"cd {place}; {start}\n", encoding="utf-8")
    with terminal("zsh", "-i", ZDOTDIR=str(place), PATH=SEARCHED) as screen:
        complete_on(screen)


@needs("bash", "tmux")
def test_bash(place: Path) -> None:
    scripts = ROOT.glob("packages/*/share/bash-completion/completions/*")
    lines = [f"cd {place}", *(f". {path}" for path in scripts), "PS1='ready> '"]
    (place / "rc").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with terminal("bash", "--rcfile", str(place / "rc"), "-i", PATH=SEARCHED) as screen:
        complete_on(screen)


def complete_on(screen: Terminal) -> None:
    screen.await_text("ready>")
    for typed, expected in COMPLETED.items():
        before = typed.rpartition(" ")[0]
        screen.text(typed)
        screen.type("Tab")
        screen.await_text(f"ready> {before} {expected}")
        screen.type("C-u")

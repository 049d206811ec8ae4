"""Completion of `ashd-pdm` in the shells that are not everywhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.debugdaemon import Daemon, run_command
from ashdtest.outside import needs
from ashdtest.terminal import terminal

SEARCHED = f"{Path(sys.executable).parent}:{os.environ['PATH']}"


def script(shell: str, folder: Path) -> Path:
    path = folder / f"completion.{shell}"
    path.write_text(run_command("completion", shell).stdout, encoding="utf-8")
    return path


@needs("fish")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("ashd-pdm th", ["threads"]),
        ("ashd-pdm heap --trace-", ["--trace-start", "--trace-stop"]),
        ("ashd-pdm get ADDRESS sysi", ["sysinfo"]),
        ("ashd-pdm completion b", ["bash"]),
    ],
)
def test_fish(daemon: Daemon, tmp_path: Path, line: str, expected: list[str]) -> None:
    code = "source $argv[1]; complete -C $argv[2]"
    typed = line.replace("ADDRESS", daemon.address)
    found = subprocess.run(
        ["fish", "--no-config", "-c", code, str(script("fish", tmp_path)), typed],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PATH": SEARCHED, "HOME": str(tmp_path)},
    )
    assert [one.split("\t")[0] for one in found.stdout.splitlines()] == expected


@needs("zsh", "tmux")
def test_zsh(daemon: Daemon, tmp_path: Path) -> None:
    start = (
        f"autoload -Uz compinit; compinit -u -d {tmp_path}/dump; source {script('zsh', tmp_path)}"
    )
    (tmp_path / ".zshrc").write_text(f"{start}; PS1='ready> '\n", encoding="utf-8")
    with terminal("zsh", "-i", ZDOTDIR=str(tmp_path), PATH=SEARCHED) as screen:
        screen.await_text("ready>")
        screen.text("ashd-pdm thr")
        screen.type("Tab")
        screen.await_text("ashd-pdm threads")
        screen.type("C-u")
        screen.text(f"ashd-pdm get {daemon.address} sysi")
        screen.type("Tab")
        screen.await_text("sysinfo")
        screen.type("C-u")
        screen.text(f"ashd-pdm profile {daemon.address} --out")
        screen.type("Tab")
        screen.await_text("--output")

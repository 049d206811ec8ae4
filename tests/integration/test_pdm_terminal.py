"""`ashd-pdm top` and the prompt in a real terminal."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ashd.pdm.cli import PerfClient
from ashdtest.debugdaemon import Daemon, running_daemon
from ashdtest.outside import needs
from ashdtest.processes import program, wait_until
from ashdtest.terminal import terminal

pytestmark = needs("tmux")


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    with running_daemon() as found:
        yield found


def test_top_fills_the_screen_and_gives_it_back(daemon: Daemon) -> None:
    with terminal(program("ashd-pdm"), "top", "-i", "0.2", daemon.address) as screen:
        screen.await_text("busy: busy_loop")
        screen.type("Down", "Enter")
        screen.await_text("STACK of")
        screen.type("Escape")
        wait_until(lambda: "STACK of" not in screen.screen())
        screen.resize(50, 12)
        wait_until(lambda: screen.screen().rstrip().count("\n") == 11)
        assert max(map(len, screen.screen().splitlines())) <= 50
        screen.type("p")
        screen.await_text("paused")
        screen.type("q")
        assert "busy_loop" not in screen.await_text("ended with 0")


def test_top_says_that_the_daemon_is_gone() -> None:
    with (
        running_daemon() as daemon,
        terminal(program("ashd-pdm"), "top", "-i", "0.1", daemon.address) as screen,
    ):
        screen.await_text("busy: busy_loop")
        daemon.end()
        screen.await_text("nobody serves")
        screen.type("q")
        screen.await_text("ended with 0")


def test_top_ends_with_an_interrupt(daemon: Daemon) -> None:
    with terminal(program("ashd-pdm"), "top", daemon.address) as screen:
        screen.await_text("q quit")
        screen.type("C-c")
        screen.await_text("ended with 130")


@pytest.mark.parametrize("options", [[], ["--plain"]], ids=["colourful", "plain"])
def test_the_prompt(daemon: Daemon, tmp_path: Path, options: list[str]) -> None:
    command = [program("ashd-pdm"), "repl", *options, daemon.address]
    with terminal(*command, XDG_STATE_HOME=str(tmp_path)) as screen:
        screen.await_text(">>>")
        screen.text("import threa")
        screen.type("Tab")
        screen.await_text("import threading")
        screen.type("Enter")
        screen.text("kept = 'value ' + str(len(threading.enumerate()) > 0)")
        screen.type("Enter")
        screen.text("while True: threading.Event().wait(0.01)")
        screen.type("Enter", "Enter")
        screen.await_text("...")
        wait_until(lambda: runs_code(daemon, "wait"))
        screen.type("C-c")
        screen.await_text("KeyboardInterrupt")
        screen.text("kept")
        screen.type("Enter")
        screen.await_text("'value True'")
        screen.type("C-d")
        screen.await_text("ended with 0")
    history = next((tmp_path / "ashd-pdm").iterdir())
    assert "import threading" in history.read_text(encoding="utf-8")


def runs_code(daemon: Daemon, function: str) -> bool:
    """Whether code of a prompt is in that function, as the threads of the daemon show."""
    with PerfClient(daemon.address) as client:
        stacks = [thread["stack"] for thread in client.find("pdm.perf.threads").readattr()]
    return any(
        stack[-1][2].endswith(function) and any("<pdm-repl" in frame[0] for frame in stack)
        for stack in stacks
    )


@pytest.mark.untraceable
def test_a_second_interrupt_gives_the_connection_up(daemon: Daemon, tmp_path: Path) -> None:
    command = [program("ashd-pdm"), "repl", daemon.address]
    with terminal(*command, XDG_STATE_HOME=str(tmp_path)) as screen:
        screen.await_text(">>>")
        screen.text("import time; time.sleep(3600)")
        screen.type("Enter")
        wait_until(lambda: runs_code(daemon, "<module>"))
        screen.type("C-c")
        screen.await_text("once more")
        screen.type("C-c")
        screen.await_text("your names are gone")
        screen.text("6 * 7")
        screen.type("Enter")
        screen.await_text("42")
        screen.type("C-d")
        screen.await_text("ended with 0")


def test_a_prompt_whose_daemon_has_gone(tmp_path: Path) -> None:
    with running_daemon() as daemon:
        command = [program("ashd-pdm"), "repl", daemon.address]
        with terminal(*command, XDG_STATE_HOME=str(tmp_path)) as screen:
            screen.await_text(">>>")
            screen.text("1 + 1")
            screen.type("Enter")
            screen.await_text("2")
            daemon.end()
            screen.text("2 + 3")
            screen.type("Enter")
            screen.await_text("The connection is lost")
            screen.await_text("ended with 1")

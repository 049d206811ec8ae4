"""`ashd-pdm top` and the prompt in a real terminal."""

from __future__ import annotations

import os
import pty
import subprocess
from pathlib import Path

import pytest

from ashd.pdm.cli import PerfClient, ReplClient
from ashdtest.debugdaemon import Daemon, running_daemon
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, program, wait_until
from ashdtest.terminal import Terminal, terminal

pytestmark = needs("tmux")


def test_top_fills_the_screen_and_gives_it_back(daemon: Daemon) -> None:
    with terminal(program("ashd-pdm"), "top", "-i", "0.2", daemon.address) as screen:
        screen.await_text("busy: busy_loop")
        screen.type("Down", "Enter")
        screen.await_text("STACK of")
        screen.type("Up")
        screen.type("Escape")
        wait_until(lambda: "STACK of" not in screen.screen())
        screen.resize(50, 12)
        wait_until(lambda: screen.screen().rstrip().count("\n") == 11)
        assert max(map(len, screen.screen().splitlines())) <= 50
        screen.type("p")
        screen.await_text("paused")
        screen.type("q")
        assert "busy_loop" not in screen.await_text("ended with 0")


def test_top_ends_after_its_looks_though_it_is_paused(daemon: Daemon) -> None:
    with terminal(program("ashd-pdm"), "top", "-n", "5", "-i", "0.3", daemon.address) as screen:
        screen.await_text("busy: busy_loop")
        screen.type("p")
        screen.await_text("ended with 0")


SERVER = """
import sys, threading
import ashd.pdm.srv
from ashd.pdm import perf

module = type(sys)("ashd.perf")
requests = []
module.server = perf.Attribute(lambda: {"in_flight": list(requests)})
sys.modules["ashd.perf"] = module
wait = threading.Event().wait
thread = threading.Thread(target=wait, daemon=True)
thread.start()
request = {"method": "GET", "uri": "/x", "url": "/x", "age": 2.5, "thread": thread.ident}
ashd.pdm.util.add_finder({thread.ident: request}.get)
ashd.pdm.srv.listen(sys.argv[1])
wait()
"""


def test_top_of_a_server(tmp_path: Path) -> None:
    with (
        running_daemon(SERVER) as daemon,
        terminal(program("ashd-pdm"), "top", "-i", "0.1", daemon.address) as screen,
    ):

        def run(code: str) -> None:
            with ReplClient(daemon.address) as client:
                client.run(f"from __main__ import *\n{code}")

        screen.await_text("REQUEST IN FLIGHT (0)")
        screen.type("Enter")  # there is nothing to show
        run("requests.append(request)")
        screen.await_text("GET /x")
        screen.type("Enter")
        screen.await_text("STACK of GET /x")
        run("requests.clear()")
        screen.await_text("GET /x: it is over")
        screen.type("t")
        screen.await_text("Thread-1 (wait): GET /x")
        screen.type("t")
        screen.await_text("REQUEST IN FLIGHT")
        screen.type("q")
        screen.await_text("ended with 0")


def test_top_on_a_terminal_that_goes(daemon: Daemon) -> None:
    ours, theirs = pty.openpty()
    command = [program("ashd-pdm"), "top", "-i", "0.1", daemon.address]
    environment = {**os.environ, "TERM": "xterm"}
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        seen = b""
        while b"busy" not in seen:
            seen += os.read(ours, 1000)
        os.close(ours)
        assert process.wait(DEADLINE) in (0, 1, 120)  # 120: what Python still had to write


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


def await_prompt(screen: Terminal, number: int) -> None:
    """Wait for the prompt of that number: keys that come before may mean other things."""
    wait_until(lambda: screen.screen().count(">>>") == number, what="the prompt")


@pytest.mark.parametrize("options", [[], ["--plain"]], ids=["colourful", "plain"])
def test_the_prompt(daemon: Daemon, tmp_path: Path, options: list[str]) -> None:
    command = [program("ashd-pdm"), "repl", *options, daemon.address]
    with terminal(*command, XDG_STATE_HOME=str(tmp_path)) as screen:
        screen.await_text(">>>")
        screen.text("import threa")
        screen.type("Tab")
        screen.await_text("import threading")
        screen.type("Enter")
        await_prompt(screen, 2)
        screen.text("kept = 'value ' + str(len(threading.enumerate()) > 0)")
        screen.type("Enter")
        await_prompt(screen, 3)
        screen.text("while True: threading.Event().wait(0.01)")
        screen.type("Enter", "Enter")
        screen.await_text("...")
        wait_until(lambda: runs_code(daemon, "wait"))
        screen.type("C-c")
        screen.await_text("KeyboardInterrupt\n>>>")
        screen.text("kept")
        screen.type("Enter")
        screen.await_text("'value True'\n>>>")
        screen.type("C-d")
        screen.await_text("ended with 0")
    history = next((tmp_path / "ashd-pdm").iterdir())
    assert "import threading" in history.read_text(encoding="utf-8")


def test_editing_at_the_colourful_prompt(daemon: Daemon, tmp_path: Path) -> None:
    command = [program("ashd-pdm"), "repl", daemon.address]
    with terminal(*command, XDG_STATE_HOME=str(tmp_path)) as screen:

        def type_at_prompt(number: int, text: str) -> None:
            await_prompt(screen, number)
            screen.text(text)
            screen.await_text(text)

        type_at_prompt(1, "forgotten(")
        screen.type("C-c")
        type_at_prompt(2, "def double(x):")
        screen.type("Enter")
        screen.text("return 2 * x")  # it is indented
        screen.type("Enter", "Enter")
        type_at_prompt(3, "double(2)")
        screen.type("Left", "Enter")  # in the middle of what is complete
        screen.await_text("\n4\n")
        type_at_prompt(4, "if True:")
        screen.type("Enter", "BSpace", "BSpace", "BSpace", "BSpace", "Tab")
        screen.text("print('is', double(4))")
        screen.type("Enter", "Enter")
        screen.await_text("is 8")
        type_at_prompt(5, "double.__na")
        screen.type("Tab")
        screen.await_text("double.__name__")
        screen.text(".isal")
        screen.type("Tab")
        screen.await_text("isalpha")
        screen.type("Down")
        screen.await_text("double.__name__.isalnum")
        screen.type("Enter")  # takes what is chosen
        screen.text("()")
        screen.type("Enter")
        screen.await_text("True\n>>>")
        screen.type("C-d")
        screen.await_text("ended with 0")


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
        await_prompt(screen, 2)
        screen.await_text("your names are gone")
        screen.text("6 * 7")
        screen.type("Enter")
        screen.await_text("42\n>>>")
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

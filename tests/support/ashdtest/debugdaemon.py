"""A daemon with a debug socket, as a process of its own, and `ashd-pdm` run against it."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from .processes import DEADLINE, program, wait_until

SOURCE = """
import sys, threading, time
import ashd.pdm.srv
from ashd.pdm import perf

counters = perf.Directory({
    "jobs": perf.Value(3, "Jobs that are done"),
    "by_kind": perf.Value({"mail": 2, "other": 1}, "Jobs by kind"),
})
ticks = perf.EventSource()

def busy_loop():
    while True:
        sum(number * number for number in range(2000))
        time.sleep(0.001)
        ticks.notify(perf.StartEvent())

threading.Thread(target=busy_loop, name="busy", daemon=True).start()
ashd.pdm.srv.listen(sys.argv[1])
threading.Event().wait()
"""


_ENDS_AS_DAEMONS_DO = """
import signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
"""


@dataclass(frozen=True)
class Daemon:
    """A running daemon; `address` is its debug socket."""

    process: subprocess.Popen[bytes]
    address: str

    @property
    def folder(self) -> Path:
        """A directory that is this daemon's own."""
        return Path(self.address).parent

    def end(self) -> None:
        """End it, at once."""
        self.process.kill()
        self.process.wait()


@contextmanager
def running_daemon(source: str = SOURCE) -> Iterator[Daemon]:
    """Start a daemon; `source` gets the path of its debug socket as its argument."""
    with tempfile.TemporaryDirectory(prefix="pdm") as name:
        path = Path(name, "debug")
        command = [sys.executable, "-c", _ENDS_AS_DAEMONS_DO + source, str(path)]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
            try:
                wait_until(lambda: path.is_socket() or process.poll() is not None)
                assert process.poll() is None
                yield Daemon(process, str(path))
            finally:
                process.terminate()
                try:
                    process.wait(DEADLINE)
                finally:
                    process.kill()


def complete_in_bash(script: Path, *words: str) -> list[str]:
    """Return what bash offers for the last of the words; `script` defines the completion."""
    code = (
        'source "$0"; COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}; COMP_TYPE=9; '
        'function=$(complete -p "$1" | sed "s/.*-F \\([^ ]*\\).*/\\1/"); $function "$1"; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    folder = Path(program("ashd-pdm")).parent
    found = subprocess.run(
        ["bash", "-c", code, str(script), *words],
        capture_output=True,
        text=True,
        check=True,
        cwd=script.parent,
        env={**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"},
    )
    return [word.strip() for word in found.stdout.splitlines() if word.strip()]


def run_command(
    *words: str,
    given: str | None = None,
    name: str = "ashd-pdm",
    environment: dict[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command as it was installed, without a terminal."""
    return subprocess.run(
        [program(name), *words],
        input=given,
        stdin=subprocess.DEVNULL if given is None else None,
        capture_output=True,
        text=True,
        timeout=DEADLINE * 3,
        check=False,
        env={**os.environ, **(environment or {})},
    )

"""Do what docs/start/first-steps.md says: `python first_steps.py WHEELS`.

The commands run in an empty folder, with a new virtual environment, an environment without
variables, and packages from a folder of wheels alone. What stands in the page as output has to come
(`...` stands for anything); what changes with a delay has a deadline. Only the port is another one.
"""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs/start/first-steps.md"
DEADLINE = 60.0
STEPS = re.compile(r"^`(?P<name>[^`]+)`:\n```python\n(?P<source>.*?)```", re.DOTALL | re.MULTILINE)
CONSOLE = re.compile(r"```console\n(.*?)```", re.DOTALL)


class StepError(Exception):
    """A command did something else than the page says."""


class Reader:
    """Somebody with two terminals who does what the page says."""

    def __init__(self, folder: Path, wheels: Path) -> None:
        """Begin in an empty folder."""
        self._folder = folder
        self._port = _free_port()
        self._environment = {
            "PATH": os.defpath,
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(wheels),
        }
        self._server: subprocess.Popen[bytes] | None = None

    def save(self, name: str, source: str) -> None:
        """Save a file that the page shows."""
        (self._folder / name).write_text(source, encoding="utf-8")

    def enter(self, command: str, expected: list[str]) -> None:
        """Type a command, and wait until it shows what the page shows."""
        command = command.replace("8080", str(self._port))
        pattern = _pattern([line.replace("8080", str(self._port)) for line in expected])
        print(f"$ {command}", flush=True)
        if command.startswith("python3 "):  # this Python: an old one may have that name
            command = f"{sys.executable} {command.removeprefix('python3 ')}"
        if " --bind " in command:
            self._serve(command, pattern)
        elif command != ". venv/bin/activate":
            self._run(command, pattern)

    def _shell(self, command: str) -> list[str]:
        activate = ". venv/bin/activate; " if (self._folder / "venv/bin/activate").exists() else ""
        return ["/bin/sh", "-c", f"{activate}{command}"]

    def _run(self, command: str, pattern: re.Pattern[str]) -> None:
        end = time.monotonic() + DEADLINE
        while True:
            done = subprocess.run(
                self._shell(command),
                cwd=self._folder,
                env=self._environment,
                capture_output=True,
                text=True,
                timeout=DEADLINE,
                check=False,
            )
            if done.returncode == 0 and pattern.fullmatch(done.stdout.strip()):
                return
            if time.monotonic() > end or not command.startswith("curl"):
                raise StepError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
            time.sleep(0.05)

    def _serve(self, command: str, pattern: re.Pattern[str]) -> None:
        self.interrupt()
        log = self._folder / "server.log"
        with log.open("wb") as output:
            self._server = subprocess.Popen(
                self._shell(f"exec {command}"),
                cwd=self._folder,
                env=self._environment,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        end = time.monotonic() + DEADLINE
        while not any(map(pattern.fullmatch, log.read_text().splitlines())):
            if self._server.poll() is not None or time.monotonic() > end:
                raise StepError(f"{command}: {log.read_text()}")
            time.sleep(0.02)

    def interrupt(self) -> None:
        """Stop the server with Ctrl-C; it has to end well."""
        if self._server is None:
            return
        os.kill(self._server.pid, signal.SIGINT)
        if status := self._server.wait(DEADLINE):
            raise StepError(f"the server ended with status {status}")
        self._server = None


def _pattern(expected: list[str]) -> re.Pattern[str]:
    """Return what the output has to match: anything, if the page shows none."""
    text = re.escape("\n".join(expected) or "...")
    return re.compile(text.replace(r"\.\.\.", ".*"), re.DOTALL)


def _free_port() -> int:
    with socket.create_server(("", 0)) as sock:
        return int(sock.getsockname()[1])


def main(wheels: Path) -> int:
    """Do all steps; return an exit status."""
    text = PAGE.read_text(encoding="utf-8")
    steps = [*STEPS.finditer(text), *CONSOLE.finditer(text)]
    with tempfile.TemporaryDirectory() as folder:
        reader = Reader(Path(folder), wheels.resolve())
        try:
            for step in sorted(steps, key=re.Match.start):
                if "name" in step.groupdict():
                    reader.save(step["name"], step["source"])
                else:
                    _enter_all(reader, step[1])
            reader.interrupt()
        except StepError as error:
            print(error, file=sys.stderr)
            return 1
    return 0


def _enter_all(reader: Reader, session: str) -> None:
    for entry in re.findall(r"^\$ .*\n(?:(?!\$ ).*\n)*", session, re.MULTILINE):
        command, *expected = entry[2:].splitlines()
        reader.enter(command, expected)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))

"""A real terminal for programs that fill the screen: tmux, with a server of its own."""

from __future__ import annotations

import shlex
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .processes import wait_until


class Terminal:
    """One window in which a command runs."""

    def __init__(self, socket: Path) -> None:
        self._socket = socket

    def tmux(self, *words: str) -> str:
        return subprocess.run(
            ["tmux", "-f", "/dev/null", "-S", str(self._socket), *words],
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    def type(self, *keys: str) -> None:
        """Press keys, by the names that tmux has for them."""
        self.tmux("send-keys", *keys)

    def text(self, text: str) -> None:
        """Type text as it is."""
        self.tmux("send-keys", "-l", text)

    def screen(self, *options: str) -> str:
        return self.tmux("capture-pane", "-p", *options)

    def await_text(self, text: str) -> str:
        """Return the screen when `text` is on it."""
        try:
            wait_until(lambda: text in self.screen(), what=f"{text!r} on the screen")
        except AssertionError as exc:
            raise AssertionError(f"{exc}\n{self.screen()}") from None
        return self.screen()

    def resize(self, columns: int, lines: int) -> None:
        self.tmux("resize-window", "-x", str(columns), "-y", str(lines))


@contextmanager
def terminal(
    *command: str, columns: int = 100, lines: int = 30, **environment: str
) -> Iterator[Terminal]:
    """Run a command in a terminal; afterwards its exit status is shown, and the window stays."""
    with tempfile.TemporaryDirectory(prefix="tmux") as folder:
        found = Terminal(Path(folder, "socket"))
        words = ["env", *(f"{name}={value}" for name, value in environment.items()), *command]
        line = f"trap : INT; {shlex.join(words)}; echo ended with $?; exec sleep 1000"
        size = ("-x", str(columns), "-y", str(lines))
        found.tmux("new-session", "-d", *size, "sh", "-c", line)
        try:
            yield found
        finally:
            found.tmux("kill-server")

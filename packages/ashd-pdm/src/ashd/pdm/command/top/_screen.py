"""The terminal: a whole screen that is drawn anew, and single keys. Owned by the main thread.

It uses the alternate screen and gives everything back at the end, also after an exception. While
it is open, SIGWINCH and whoever calls `wake` make `wait_key` return.
"""

from __future__ import annotations

import os
import re
import select
import shutil
import signal
import sys
import termios
import tty
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from ashd.pdm.command._output import raw
from ashd.pdm.command.top._view import cut

if TYPE_CHECKING:
    from ashd.pdm.command.top._view import Line

_ENTER = "\x1b[?1049h\x1b[?25l"
_LEAVE = "\x1b[?25h\x1b[?1049l"
_BEGIN, _END = "\x1b[?2026h\x1b[H", "\x1b[J\x1b[?2026l"
"""Frames are drawn over each other; terminals that know mode 2026 show each one at once."""

STYLES = {
    "plain": "",
    "title": "1",
    "label": "36",
    "value": "1",
    "curve": "32",
    "head": "1;34",
    "good": "32",
    "warning": "33",
    "error": "1;31",
    "slow": "33",
    "place": "36",
    "selected": "7",
    "footer": "7",
}

KEYS = {
    b"\x1b[A": "up",
    b"\x1bOA": "up",
    b"k": "up",
    b"\x1b[B": "down",
    b"\x1bOB": "down",
    b"j": "down",
    b"\r": "enter",
    b"\n": "enter",
    b"\x1b": "escape",
    b"q": "quit",
    b"Q": "quit",
    b"p": "pause",
    b" ": "pause",
    b"t": "threads",
    b"\x0c": "redraw",
}

_KEY = re.compile(rb"\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Z])|.", re.DOTALL)


class Screen:
    """Use it with `with`."""

    def __init__(self) -> None:
        self._input = sys.stdin.fileno()
        self._keys: deque[bytes] = deque()
        self._wake_read, self._wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def __enter__(self) -> Screen:
        """Take the terminal over."""
        self._attributes = termios.tcgetattr(self._input)
        self._before = {
            number: signal.signal(number, handler)
            for number, handler in (
                (signal.SIGWINCH, self._on_resize),
                (signal.SIGTERM, _terminate),
                (signal.SIGTSTP, self._on_stop),
            )
        }
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        """Give the terminal back."""
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._give_back()
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _take(self) -> None:
        tty.setcbreak(self._input)
        self._write(_ENTER)

    def _give_back(self) -> None:
        self._write(_LEAVE)
        termios.tcsetattr(self._input, termios.TCSADRAIN, self._attributes)

    def _on_resize(self, *_: object) -> None:
        self.wake()

    def _on_stop(self, *_: object) -> None:
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)
        self._take()
        self.wake()

    def wake(self) -> None:
        """Make `wait_key` return. May be called from any thread."""
        with suppress(OSError):  # full, or closed: there is nothing more to wake then
            os.write(self._wake_write, b".")

    def size(self) -> tuple[int, int]:
        """Return columns and lines, as they are now."""
        try:
            found = os.get_terminal_size(sys.stdout.fileno())
        except OSError:
            found = shutil.get_terminal_size()
        return max(found.columns, 20), max(found.lines, 5)

    def draw(self, lines: list[Line]) -> None:
        """Show a frame."""
        columns, rows = self.size()
        drawn = "\r\n".join(_render(cut(line, columns)) for line in lines[:rows])
        self._write(f"{_BEGIN}{drawn}{_END}")

    def wait_key(self, seconds: float) -> str | None:
        """Return the next key; None when the time is over, or somebody has called `wake`. EOFError
        when the terminal has gone.
        """
        if not self._keys:
            found, _, _ = select.select([self._input, self._wake_read], [], [], seconds)
            if self._wake_read in found:
                os.read(self._wake_read, 1024)
            if self._input not in found:
                return None
            data = os.read(self._input, 1024)
            if not data:
                raise EOFError
            self._keys.extend(_KEY.findall(data))
        return KEYS.get(self._keys.popleft(), "")

    def _write(self, text: str) -> None:
        raw(text)


def _terminate(*_: object) -> None:
    raise SystemExit(128 + signal.SIGTERM)


def _render(line: Line) -> str:
    spans = (
        f"\x1b[{STYLES[style]}m{text}\x1b[0m" if STYLES[style] else text for style, text in line
    )
    return "".join(spans) + "\x1b[K"

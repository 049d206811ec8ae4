"""The live screen, by prompt_toolkit (the extra `cli`)."""

from __future__ import annotations

import argparse
import asyncio
import signal
import threading
from collections.abc import Callable
from contextlib import suppress

from prompt_toolkit.application import Application
from prompt_toolkit.formatted_text import StyleAndTextTuples
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.layout import FormattedTextControl, Layout, Window
from prompt_toolkit.styles import Style

from .._failures import FAILURES, sentence
from ._figures import History
from ._look import Look, Question, Row, Watcher
from ._view import Frame, layout

STYLE = Style.from_dict(
    {
        "title": "bold",
        "label": "ansicyan",
        "value": "bold",
        "curve": "ansigreen",
        "head": "bold ansiblue",
        "good": "ansigreen",
        "warning": "ansiyellow",
        "error": "bold ansired",
        "slow": "ansiyellow",
        "place": "ansicyan",
        "selected": "reverse",
        "footer": "reverse",
    }
)
"""Only colours of the terminal's own palette, so that they fit its background."""

ESCAPE_TIMEOUT = 0.05
"""Seconds until Escape is a key by itself and not the beginning of another one."""


class Live:
    """The screen, and what is selected on it. Another thread than the main one runs `_ask`."""

    def __init__(
        self, watcher: Watcher, history: History, frame: Frame, options: argparse.Namespace
    ) -> None:
        self._watcher = watcher
        self._history = history
        self._frame = frame
        self._options = options
        self._selected: Row | None = None
        self._shown: Row | None = None
        self._looks = 0
        self._question = Question(threads=frame.threads)  # replaced, never changed
        self._ask_now = threading.Event()
        window = Window(FormattedTextControl(self._draw, show_cursor=False))
        self._app: Application[int] = Application(Layout(window), style=STYLE, full_screen=True)
        self._app.ttimeoutlen = ESCAPE_TIMEOUT
        self._app.key_bindings = self._keys()

    def run(self) -> int:
        """Show the screen until the user has enough of it."""
        with suppress(EOFError):  # the terminal is gone
            return self._app.run(pre_run=self._begin)
        return 0

    def _begin(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.add_signal_handler(signal.SIGTERM, self._end, 128 + signal.SIGTERM)
        threading.Thread(target=self._ask, daemon=True).start()

    def _end(self, status: int = 0) -> None:
        if not self._app.is_done:
            self._app.exit(result=status)

    def _ask(self) -> None:
        with suppress(RuntimeError):  # the loop was closed
            while True:
                self._ask_now.wait(self._options.interval)
                self._ask_now.clear()
                try:
                    found: Look | str = self._watcher.look(self._question)
                except FAILURES as exc:
                    found = sentence(exc, self._options.target)
                self._loop.call_soon_threadsafe(self._take, found)

    def _take(self, found: Look | str) -> None:
        if isinstance(found, str):
            self._frame.note = found
        else:
            self._looks += 1
            if not self._frame.paused:
                self._frame.note = ""
                self._history.add(found)
                self._select()
        if self._looks == self._options.count:
            self._end()
        self._app.invalidate()

    def _select(self, by: int = 0) -> Row | None:
        """Move the selection, which stays on the same row of each look, and return that."""
        rows, frame = self._history.latest.rows, self._frame
        keys = [row.key for row in rows]
        if self._selected is not None and self._selected.key in keys:
            frame.selected = keys.index(self._selected.key)
        frame.selected = max(0, min(frame.selected + by, len(rows) - 1))
        if by:
            self._selected = rows[frame.selected] if rows else None
        return rows[frame.selected] if rows else None

    def _draw(self) -> StyleAndTextTuples:
        size = self._app.output.get_size()
        self._frame.columns, self._frame.lines = size.columns, size.rows
        self._frame.stack_open = self._shown is not None
        spans: StyleAndTextTuples = []
        for line in layout(self._history, self._frame):
            spans += [(f"class:{style}", text) for style, text in line]
            spans.append(("", "\n"))
        return spans[:-1]

    # Keys

    def _keys(self) -> KeyBindings:
        keys = KeyBindings()
        actions: dict[str, Callable[[], None]] = {
            "up k": lambda: self._move(-1),
            "down j": lambda: self._move(1),
            "enter": self._show_stack,
            "escape": lambda: self._show(None),
            "p space": self._pause,
            "t": self._switch,
            "q Q": self._end,
            "c-c": lambda: self._app.exit(exception=KeyboardInterrupt),
            "c-l": self._app.renderer.clear,
            "c-z": self._app.suspend_to_background,
        }
        for names, action in actions.items():
            for name in names.split():
                keys.add(name)(_handler(action))
        return keys

    def _move(self, by: int) -> None:
        selected = self._select(by)
        if self._shown is not None and selected is not None:
            self._show(selected)

    def _show_stack(self) -> None:
        self._selected = self._select()
        if self._selected is not None:
            self._show(self._selected)

    def _show(self, row: Row | None) -> None:
        self._shown = row
        self._question = Question(self._frame.threads, row)
        self._ask_now.set()

    def _pause(self) -> None:
        self._frame.paused = not self._frame.paused

    def _switch(self) -> None:
        self._frame.threads = not self._frame.threads
        self._selected = None
        self._frame.selected = 0
        self._show(None)


def _handler(action: Callable[[], None]) -> Callable[[KeyPressEvent], None]:
    return lambda _event: action()

"""The subcommand: a live screen on a terminal, text otherwise.

The main thread has the terminal; another one asks the daemon, so that a daemon that hangs doesn't
make the screen hang.
"""

from __future__ import annotations

import sys
import threading
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from ashd.pdm.command._failures import FAILURES, sentence
from ashd.pdm.command._output import say
from ashd.pdm.command.top._figures import History
from ashd.pdm.command.top._look import Look, Question, Row, Watcher
from ashd.pdm.command.top._view import Frame, as_text, layout

if TYPE_CHECKING:
    import argparse

    from ashd.pdm.command.top._screen import Screen

PLAIN_LINES = 40


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    watcher = Watcher(options)
    try:
        first = watcher.look(Question())
        if options.plain or not (sys.stdin.isatty() and sys.stdout.isatty()):
            return _plain(watcher, first, options)
        from ashd.pdm.command.top._screen import Screen

        with Screen() as screen:
            return Live(screen, watcher, first, options).run()
    finally:
        watcher.close()


def _frame(options: argparse.Namespace) -> Frame:
    encoding = (sys.stdout.encoding or "").lower().replace("-", "")
    return Frame(options.target, unicode=encoding == "utf8")


def _plain(watcher: Watcher, first: Look, options: argparse.Namespace) -> int:
    """Write a block of text for each look; rates need two, so the first one is only a beginning."""
    history, frame = History(), _frame(options)
    frame.threads = first.servers is None
    frame.lines, frame.columns, frame.selected = PLAIN_LINES, 100, -1
    history.add(first)
    count = 0
    while options.count is None or count < options.count:
        time.sleep(options.interval)
        history.add(watcher.look(Question(threads=frame.threads)))
        count += 1
        lines = as_text(layout(history, frame)[:-1]).rstrip().split("\n")
        say(time.strftime("--- %H:%M:%S"), *lines)
    return 0


class Live:
    """The live screen. `run` and the methods for keys are the main thread's, `_ask` is that of the
    thread that asks.
    """

    def __init__(
        self, screen: Screen, watcher: Watcher, first: Look, options: argparse.Namespace
    ) -> None:
        self._screen = screen
        self._watcher = watcher
        self._options = options
        self._history = History()
        self._history.add(first)
        self._frame = replace(_frame(options), threads=first.servers is None)
        self._selected: Row | None = None
        self._shown: Row | None = None
        self._lock = threading.Lock()  # for _arrived and _question
        self._arrived: list[Look | str] = []
        self._question = Question(threads=self._frame.threads)
        self._ask_now = threading.Event()
        self._over = False

    def run(self) -> int:
        """Show the screen until the user has enough of it."""
        asking = threading.Thread(target=self._ask, daemon=True)
        asking.start()
        looks = 0
        try:
            while self._options.count is None or looks < self._options.count:
                self._screen.draw(self._draw())
                key = self._screen.wait_key(1.0)
                if key == "quit":
                    break
                if key is not None:
                    self._act(key)
                looks += self._take()
        except EOFError:
            pass
        finally:
            self._over = True
            self._ask_now.set()
        return 0

    def _ask(self) -> None:
        while not self._over:
            self._ask_now.wait(self._options.interval)
            self._ask_now.clear()
            with self._lock:
                question = replace(self._question)
            try:
                found: Look | str = self._watcher.look(question)
            except FAILURES as exc:
                found = sentence(exc, self._options.target)
            with self._lock:
                self._arrived.append(found)
            if not self._over:
                self._screen.wake()

    def _take(self) -> int:
        """Take what was found since; return how many looks there were."""
        with self._lock:
            arrived, self._arrived = self._arrived, []
        for found in arrived:
            if isinstance(found, str):
                self._frame.note = found
            elif not self._frame.paused:
                self._frame.note = ""
                self._history.add(found)
                self._follow()
        return sum(isinstance(found, Look) for found in arrived)

    def _rows(self) -> list[Row]:
        return self._history.latest.rows if self._history.latest else []

    def _follow(self) -> None:
        """Keep the same row selected wherever it has moved."""
        rows = self._rows()
        if self._selected is not None:
            for at, row in enumerate(rows):
                if row.key == self._selected.key:
                    self._frame.selected = at
        self._frame.selected = max(0, min(self._frame.selected, len(rows) - 1))

    def _draw(self) -> list[list[tuple[str, str]]]:
        self._frame.columns, self._frame.lines = self._screen.size()
        self._frame.stack_open = self._shown is not None
        return layout(self._history, self._frame)

    # Keys

    def _act(self, key: str) -> None:
        actions = {
            "up": lambda: self._move(-1),
            "down": lambda: self._move(1),
            "enter": self._show_stack,
            "escape": self._hide_stack,
            "pause": self._pause,
            "threads": self._switch,
        }
        action = actions.get(key)
        if action is not None:
            action()

    def _move(self, by: int) -> None:
        rows = self._rows()
        self._frame.selected = max(0, min(self._frame.selected + by, len(rows) - 1))
        self._selected = rows[self._frame.selected] if rows else None
        if self._shown is not None:
            self._show_stack()

    def _show_stack(self) -> None:
        rows = self._rows()
        if self._frame.selected < len(rows):
            self._shown = self._selected = rows[self._frame.selected]
            self._ask_about()

    def _hide_stack(self) -> None:
        self._shown = None
        self._ask_about()

    def _pause(self) -> None:
        self._frame.paused = not self._frame.paused

    def _switch(self) -> None:
        self._frame.threads = not self._frame.threads
        self._shown = self._selected = None
        self._frame.selected = 0
        self._ask_about()

    def _ask_about(self) -> None:
        with self._lock:
            self._question.threads = self._frame.threads
            self._question.stack_of = self._shown
        self._ask_now.set()

"""The prompt that needs nothing but Python; with editing, history and completion where Python has
readline.
"""

from __future__ import annotations

import importlib
from contextlib import suppress
from pathlib import Path
from typing import Any

from .._output import raw, say
from ._session import Session
from ._source import is_complete

readline: Any = None
with suppress(ImportError):  # Python can be built without
    readline = importlib.import_module("readline")

LENGTH = 5000
"""Lines of the history that are kept."""


class PlainPrompt:
    """Implements `Prompt`."""

    def __init__(self, session: Session, history: Path | None) -> None:
        self._session = session
        self._found: list[str] = []
        self._history = history if readline is not None else None
        if readline is not None:
            readline.set_completer(self._complete)
            readline.set_completer_delims(" \t\n`~!@#$%^&*()-=+{}\\|;:,<>/?")
            readline.parse_and_bind("tab: complete")
            readline.set_history_length(LENGTH)
        if self._history is not None:
            with suppress(OSError):
                readline.read_history_file(self._history)

    def _complete(self, word: str, number: int) -> str | None:
        """Implement what readline wants: called with 0, 1, ... until it returns None."""
        if number == 0:
            before = readline.get_line_buffer()[: readline.get_endidx()]
            self._found = self._names(word, before) if before.strip() else ["    "]
        return self._found[number] if number < len(self._found) else None

    def _names(self, word: str, before: str) -> list[str]:
        length, names = self._session.complete(before)
        start = word[: len(word) - length] if length <= len(word) else ""
        return [start + name for name in names]

    def read(self) -> str:
        """Implement `Prompt`."""
        lines: list[str] = []
        while True:
            try:
                lines.append(input("... " if lines else ">>> "))
            except (KeyboardInterrupt, EOFError):
                say("")
                raise
            text = "\n".join(lines)
            if not text.strip():
                lines.clear()
            elif is_complete(text):
                self._save()
                return text

    def _save(self) -> None:
        if self._history is not None:
            with suppress(OSError):
                readline.write_history_file(self._history)
                self._history.chmod(0o600)

    def show(self, line: str) -> None:
        """Implement `Prompt`."""
        raw(f"{line}\n")

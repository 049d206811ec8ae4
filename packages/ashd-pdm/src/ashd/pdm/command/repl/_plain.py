"""The prompt that needs nothing but Python; with editing, history and completion where Python has
readline.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ..._errors import PdmError
from .._output import raw, say
from ._source import is_complete

if TYPE_CHECKING:
    from pathlib import Path
    from types import ModuleType

    from ._session import Session


LENGTH = 5000
"""Lines of the history that are kept."""


def _find_readline() -> ModuleType | None:
    try:
        import readline
    except ImportError:  # Python can be built without
        return None
    return readline


class PlainPrompt:
    """Implements `Prompt`."""

    def __init__(self, session: Session, history: Path | None) -> None:
        self._session = session
        self._found: list[str] = []
        self._history = history
        self._readline: Any = _find_readline()
        if self._readline is not None:
            self._set_up(self._readline)

    def _set_up(self, readline: Any) -> None:
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
            if not word and not self._before().strip():
                return "    "
            self._found = self._names(word)
        return self._found[number] if number < len(self._found) else None

    def _before(self) -> str:
        text: str = self._readline.get_line_buffer()
        return text[: self._readline.get_endidx()]

    def _names(self, word: str) -> list[str]:
        try:
            length, names = self._session.complete(self._before())
        except PdmError:
            return []
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
                return text

    def show(self, line: str) -> None:
        """Implement `Prompt`."""
        raw(f"{line}\n")

    def close(self) -> None:
        """Implement `Prompt`."""
        if self._readline is not None and self._history is not None:
            with suppress(OSError):
                self._readline.write_history_file(self._history)
                self._history.chmod(0o600)

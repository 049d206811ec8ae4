"""The prompt with colours, by prompt_toolkit and pygments (the extra `cli`)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from prompt_toolkit import PromptSession
from prompt_toolkit.application import get_app
from prompt_toolkit.auto_suggest import AutoSuggestFromHistory
from prompt_toolkit.completion import CompleteEvent, Completer, Completion
from prompt_toolkit.document import Document
from prompt_toolkit.filters import Condition, has_selection
from prompt_toolkit.history import FileHistory, InMemoryHistory
from prompt_toolkit.key_binding import KeyBindings, KeyPressEvent
from prompt_toolkit.lexers import PygmentsLexer
from prompt_toolkit.styles import Style
from pygments.lexers.python import PythonLexer

from .._output import raw
from ._session import Session
from ._source import is_complete

STYLE = Style.from_dict(
    {
        "prompt": "ansigreen bold",
        "continuation": "ansigreen",
        "pygments.keyword": "ansimagenta",
        "pygments.keyword.constant": "ansicyan",
        "pygments.operator.word": "ansimagenta",
        "pygments.literal.string": "ansiyellow",
        "pygments.literal.number": "ansicyan",
        "pygments.comment": "ansibrightblack",
        "pygments.name.builtin": "ansiblue",
        "pygments.name.function": "ansiblue",
        "pygments.name.class": "ansiblue",
        "pygments.name.decorator": "ansiblue",
        "auto-suggestion": "ansibrightblack",
    }
)
"""Only colours of the terminal's own palette, so that they fit its background."""

TRACEBACK = "Traceback (most recent call last):"
INDENT = 4


class ColourfulPrompt:
    """The prompt with colours; it has the methods of `PlainPrompt`."""

    def __init__(self, session: Session, history: Path | None) -> None:
        self._in_traceback = False
        self._prompt: PromptSession[str] = PromptSession(
            history=InMemoryHistory() if history is None else FileHistory(str(history)),
            auto_suggest=AutoSuggestFromHistory(),
            completer=_RemoteCompleter(session),
            complete_while_typing=False,
            enable_history_search=True,
            key_bindings=_key_bindings(),
            lexer=PygmentsLexer(PythonLexer),
            multiline=True,
            prompt_continuation=[("class:continuation", "... ")],
            style=STYLE,
        )

    def read(self) -> str:
        """Return a complete input."""
        self._in_traceback = False
        return self._prompt.prompt([("class:prompt", ">>> ")])

    def show(self, line: str) -> None:
        """Show a line of output; tracebacks are red."""
        self._in_traceback = self._in_traceback or line == TRACEBACK
        raw(f"\x1b[31m{line}\x1b[0m\n" if self._in_traceback else f"{line}\n")


class _RemoteCompleter(Completer):
    def __init__(self, session: Session) -> None:
        self._session = session

    def get_completions(self, document: Document, _event: CompleteEvent) -> Iterator[Completion]:
        length, names = self._session.complete(document.current_line_before_cursor)
        return (Completion(name, start_position=-length) for name in names)


def _key_bindings() -> KeyBindings:
    keys = KeyBindings()

    @keys.add("enter", filter=~has_selection)
    def _(event: KeyPressEvent) -> None:
        buffer = event.current_buffer
        if buffer.complete_state:
            buffer.complete_state = None
        elif _may_run(buffer.document):
            buffer.validate_and_handle()
        else:
            buffer.insert_text(f"\n{_indent(buffer.document.current_line_before_cursor)}")

    @keys.add("tab", filter=Condition(_is_at_start))
    def _(event: KeyPressEvent) -> None:
        event.current_buffer.insert_text(" " * INDENT)

    return keys


def _is_at_start() -> bool:
    return not get_app().current_buffer.document.current_line_before_cursor.strip()


def _may_run(document: Document) -> bool:
    """Enter runs a complete input when the cursor is at its end; in the middle it makes a line."""
    if document.text_after_cursor.strip():
        return "\n" not in document.text and is_complete(document.text)
    lines = document.text.split("\n")
    return is_complete("\n".join([*lines[:-1], lines[-1].rstrip()]))


def _indent(line: str) -> str:
    spaces = len(line) - len(line.lstrip(" "))
    if line.rstrip().endswith(":"):
        spaces += INDENT
    elif line.split()[:1] in (["return"], ["pass"], ["raise"], ["break"], ["continue"]):
        spaces = max(0, spaces - INDENT)
    return " " * spaces

"""The subcommand: a script, or a conversation at one of two prompts."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..._errors import ConnectionLost
from .._output import raw, say, warn
from ._session import Left, Session
from ._source import is_complete, question, statements

if TYPE_CHECKING:
    from ._colourful import ColourfulPrompt

readline: Any = None
with suppress(ImportError):  # Python can be built without
    readline = importlib.import_module("readline")

INTERRUPTED = 130
HISTORY_LENGTH = 5000
_FAREWELLS = {"exit", "quit", "exit()", "quit()"}
_DELIMITERS = " \t\n`~!@#$%^&*()-=+{}\\|;:,<>/?"


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    with Session(options.target, options.worker, safe=options.safe) as session:
        if options.command or not sys.stdin.isatty():
            return run_script(session, options.command or [sys.stdin.read()])
        where = f"worker {options.worker} of {options.target}" if options.worker else options.target
        say(f"A prompt inside {where}. What you run there runs as the daemon. Ctrl-D leaves.")
        converse(session, _prompt(session, options))
    return 0


def run_script(session: Session, texts: Iterable[str]) -> int:
    """Run source statement by statement, up to the first one that raises."""
    try:
        with session.interruptible(warn):
            done = all(_run(session, text, lambda line: raw(f"{line}\n")) for text in texts)
    except (Left, KeyboardInterrupt):
        return INTERRUPTED
    return 0 if done else 1


def _run(session: Session, text: str, output: Callable[[str], None]) -> bool:
    return all(session.execute(statement, output) for statement in statements(text))


class PlainPrompt:
    """The prompt that needs only Python; with history and completion where that has readline."""

    def __init__(self, session: Session, history: Path | None) -> None:
        self._session = session
        self._found: list[str] = []
        self._history = history
        if readline is not None:
            readline.set_completer(self._complete)
            readline.set_completer_delims(_DELIMITERS)
            readline.parse_and_bind("tab: complete")
            readline.set_history_length(HISTORY_LENGTH)
            if history is not None:
                with suppress(OSError):
                    readline.read_history_file(history)

    def _complete(self, word: str, number: int) -> str | None:
        """Implement what readline wants: called with 0, 1, ... until it returns None."""
        if number == 0:
            before = readline.get_line_buffer()[: readline.get_endidx()]
            length, names = self._session.complete(before) if before.strip() else (0, ["    "])
            self._found = [word[: max(0, len(word) - length)] + name for name in names]
        return self._found[number] if number < len(self._found) else None

    def read(self) -> str:
        """Return a complete input. EOFError: leave. KeyboardInterrupt: forget what was typed."""
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
        if readline is not None and self._history is not None:
            with suppress(OSError):
                readline.write_history_file(self._history)
                self._history.chmod(0o600)

    def show(self, line: str) -> None:
        """Show a line of output."""
        raw(f"{line}\n")


def _prompt(session: Session, options: argparse.Namespace) -> PlainPrompt | ColourfulPrompt:
    if not options.plain and sys.stdout.isatty():
        with suppress(ImportError):
            from ._colourful import ColourfulPrompt

            return ColourfulPrompt(session, _history(options.history, "history"))
    return PlainPrompt(session, _history(options.history, "history-plain"))


def _history(chosen: str | None, name: str) -> Path | None:
    """Return the file of a history, which its owner alone can read; None when it can't be made."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    path = Path(chosen or Path(state, "ashd-pdm", name))
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
        return path
    return None


def converse(session: Session, prompt: PlainPrompt | ColourfulPrompt) -> None:
    """Read and run, until the user leaves."""
    while True:
        try:
            text = prompt.read()
        except EOFError:
            return
        except KeyboardInterrupt:
            continue
        if text.strip() in _FAREWELLS:
            return
        with suppress(KeyboardInterrupt):
            _answer(session, prompt, text)


def _answer(session: Session, prompt: PlainPrompt | ColourfulPrompt, text: str) -> None:
    try:
        if (asked := question(text)) is not None:
            for line in session.describe(asked):
                prompt.show(line)
        else:
            with session.interruptible(prompt.show):
                _run(session, text, prompt.show)
    except Left:
        session.connect_again()
        say("The connection was given up; this is a new one, and your names are gone.")
    except ConnectionLost as exc:
        say(f"The connection is lost: {exc}.")
        session.connect_again()
        say("This is a new one, and your names are gone.")

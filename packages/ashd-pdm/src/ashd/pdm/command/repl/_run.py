"""The subcommand: a script, or a conversation at one of the two prompts."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from ..._errors import ConnectionLost
from .._output import raw, say, warn
from ._session import Left, Session
from ._source import question, statements

INTERRUPTED = 130
_FAREWELLS = {"exit", "quit", "exit()", "quit()"}


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
    """Run source statement by statement, up to the first one that raises. The standard output is
    what the daemon writes.
    """
    try:
        with session.interruptible(warn):
            done = all(_run(session, text, lambda line: raw(f"{line}\n")) for text in texts)
    except (Left, KeyboardInterrupt):
        return INTERRUPTED
    return 0 if done else 1


def _run(session: Session, text: str, output: Callable[[str], None]) -> bool:
    return all(session.execute(statement, output) for statement in statements(text))


class Prompt(Protocol):
    """What a prompt has to do. It writes the history as it grows."""

    def read(self) -> str:
        """Return a complete input. EOFError: leave. KeyboardInterrupt: forget what was typed."""

    def show(self, line: str) -> None:
        """Show a line of output."""


def _prompt(session: Session, options: argparse.Namespace) -> Prompt:
    if not options.plain and sys.stdout.isatty():
        try:
            from ._colourful import ColourfulPrompt
        except ImportError:
            pass
        else:
            return ColourfulPrompt(session, _history(options.history, "history"))
    from ._plain import PlainPrompt

    return PlainPrompt(session, _history(options.history, "history-plain"))


def _history(chosen: str | None, name: str) -> Path | None:
    """Return the file of a history, which its owner alone can read; None when it can't be made."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local/state"
    path = Path(chosen or Path(state, "ashd-pdm", name))
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600))
    except OSError:
        return None
    return path


def converse(session: Session, prompt: Prompt) -> None:
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
        _answer(session, prompt, text)


def _answer(session: Session, prompt: Prompt, text: str) -> None:
    try:
        if (asked := question(text)) is not None:
            for line in session.describe(asked):
                prompt.show(line)
        else:
            with session.interruptible(prompt.show):
                _run(session, text, prompt.show)
    except KeyboardInterrupt:
        return
    except Left:
        session.connect_again()
        say("The connection was given up; this is a new one, and your names are gone.")
    except ConnectionLost as exc:
        say(f"The connection is lost: {exc}.")
        session.connect_again()
        say("This is a new one, and your names are gone.")

"""The conversation at a prompt, whichever it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from ..._errors import ConnectionLost
from .._output import say
from ._session import Left, Session
from ._source import question, statements

if TYPE_CHECKING:
    import argparse

_FAREWELLS = {"exit", "quit", "exit()", "quit()"}


class Prompt(Protocol):
    """What a prompt has to do."""

    def read(self) -> str:
        """Return a complete input. EOFError: leave. KeyboardInterrupt: forget what was typed."""

    def show(self, line: str) -> None:
        """Show a line of output."""

    def close(self) -> None:
        """Save the history."""


def converse(session: Session, prompt: Prompt, options: argparse.Namespace) -> int:
    """Read and run, until the user leaves."""
    where = f"worker {options.worker} of {options.target}" if options.worker else options.target
    say(f"A prompt inside {where}. What you run there runs as the daemon. Ctrl-D leaves.")
    try:
        while True:
            try:
                text = prompt.read()
            except EOFError:
                return 0
            except KeyboardInterrupt:
                continue
            if text.strip() in _FAREWELLS:
                return 0
            _answer(session, prompt, text)
    finally:
        prompt.close()


def _answer(session: Session, prompt: Prompt, text: str) -> None:
    try:
        asked = question(text)
        if asked is not None:
            for line in session.describe(asked):
                prompt.show(line)
            return
        with session.interruptible(prompt.show):
            for statement in statements(text):
                if not session.execute(statement, prompt.show):
                    return
    except KeyboardInterrupt:
        return
    except Left:
        session.connect_again()
        say("The connection was given up; this is a new one, and your names are gone.")
    except ConnectionLost as exc:
        say(f"The connection is lost: {exc}.")
        session.connect_again()
        say("This is a new one, and your names are gone.")

"""The subcommand: a script, or one of the two prompts."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from .._output import raw, warn
from ._session import Left, Session
from ._source import statements

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable

INTERRUPTED = 130


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    with Session(options.target, options.worker, safe=options.safe) as session:
        if options.command:
            return run_script(session, options.command)
        if not sys.stdin.isatty():
            return run_script(session, [sys.stdin.read()])
        return _prompt(session, options)


def run_script(session: Session, texts: Iterable[str]) -> int:
    """Run source statement by statement, up to the first one that raises."""
    try:
        with session.interruptible(_tell):
            for text in texts:
                for statement in statements(text):
                    if not session.execute(statement, lambda line: raw(f"{line}\n")):
                        return 1
    except (Left, KeyboardInterrupt):
        return INTERRUPTED
    return 0


def _tell(line: str) -> None:
    """The standard output of a script is what the daemon writes."""
    warn(line)


def _prompt(session: Session, options: argparse.Namespace) -> int:
    from ._loop import converse
    from ._plain import PlainPrompt

    if not options.plain and sys.stdout.isatty():
        try:
            from ._colourful import ColourfulPrompt
        except ImportError:
            pass
        else:
            return converse(session, ColourfulPrompt(session, options), options)
    return converse(session, PlainPrompt(session, options), options)

"""Reads the words that the command was called with, runs the subcommand, and says what went wrong.

Exit status: 0, 1 for an error (a sentence on standard error), 2 for wrong usage, 130 after Ctrl-C.
"""

from __future__ import annotations

import importlib
import os
import sys
from typing import TYPE_CHECKING

from ._failures import FAILURES, sentence
from ._output import warn
from ._parser import make_parser, make_repl_parser

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._parser import Parser

INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run `ashd-pdm`; `words` are the arguments, by default those of the process. Returns the exit
    status.
    """
    return _main(make_parser(), words)


def pdm_repl(words: Sequence[str] | None = None) -> int:
    """Run `pdm-repl TARGET`, the old name of `ashd-pdm repl`."""
    return _main(make_repl_parser(), words)


def _main(parser: Parser, words: Sequence[str] | None) -> int:
    if "_ARGCOMPLETE" in os.environ:  # a shell asks
        from ._completion import complete

        complete(parser)
    options = parser.parse_args(words)
    module, _, function = options.run.partition(":")
    run = getattr(importlib.import_module(f".{module}", __package__), function)
    try:
        status: int = run(options)
        sys.stdout.flush()
    except BrokenPipeError:
        _forget_output()
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except FAILURES as exc:
        warn(sentence(exc, getattr(options, "target", "")))
        return 1
    return status


def _forget_output() -> None:
    """The reader of our output has gone (`| head`): let nothing be written to it at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)

"""Reads the words that the command was called with, runs the subcommand, and says what went wrong.

Exit status: 0, 1 for an error (a sentence on standard error), 2 for wrong usage, 130 after Ctrl-C.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from ._failures import FAILURES, sentence
from ._output import needs_extra, warn
from ._parser import Parser, make_parser, make_repl_parser

INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run `ashd-pdm` with the arguments `words` (or the process's), and return the exit status."""
    return _main(make_parser(), words)


def pdm_repl(words: Sequence[str] | None = None) -> int:
    """Run `pdm-repl TARGET`, the old name of `ashd-pdm repl`."""
    return _main(make_repl_parser(), words)


def _main(parser: Parser, words: Sequence[str] | None) -> int:
    target = ""
    try:
        if "_ARGCOMPLETE" in os.environ:  # a shell asks for completions; this exits
            with needs_extra("completion in shells"):
                import argcomplete
            argcomplete.autocomplete(parser, always_complete_options="long")
        options = parser.parse_args(words)
        target = getattr(options, "target", "")
        module, _, function = options.run.partition(":")
        run = getattr(importlib.import_module(f".{module}", __package__), function)
        status: int = run(options)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of our output has gone (`| head`): flush nothing at exit
        with Path(os.devnull).open("wb") as nowhere:
            os.dup2(nowhere.fileno(), sys.stdout.fileno())
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    except FAILURES as exc:
        warn(sentence(exc, target))
        return 1
    return status

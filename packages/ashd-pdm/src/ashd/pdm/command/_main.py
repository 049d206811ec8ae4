"""Reads the words that the command was called with, runs the subcommand, and says what went wrong.

Exit status: 0, 1 for an error (a sentence on standard error), 2 for wrong usage, 130 after Ctrl-C.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import TYPE_CHECKING

from ashd.pdm.command._failures import FAILURES, sentence
from ashd.pdm.command._output import warn
from ashd.pdm.command._parser import RISK, Parser, add_subcommand, make_parser

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(words: Sequence[str] | None = None) -> int:
    """Run `ashd-pdm`; `words` are the arguments, by default those of the process. Returns the exit
    status.
    """
    return run(make_parser().parse_args(words))


def pdm_repl(words: Sequence[str] | None = None) -> int:
    """Run `pdm-repl TARGET`, the old name of `ashd-pdm repl`."""
    from ashd.pdm.command._options import SUBCOMMANDS

    repl = next(subcommand for subcommand in SUBCOMMANDS if subcommand.name == "repl")
    description = "A prompt inside a daemon; the same as ashd-pdm repl."
    parser = Parser(prog="pdm-repl", description=description, epilog=RISK, allow_abbrev=False)
    add_subcommand(parser, repl)
    return run(parser.parse_args(words))


def run(options: argparse.Namespace) -> int:
    """Run the subcommand that was parsed."""
    subcommand = options.subcommand
    module = importlib.import_module(f"ashd.pdm.command.{subcommand.module}")
    try:
        status: int = getattr(module, subcommand.function)(options)
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

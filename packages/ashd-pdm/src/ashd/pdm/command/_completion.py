"""Completion of words in bash, zsh and fish, by argcomplete (the extra `cli`): the shell runs the
command itself to complete a word.
"""

from __future__ import annotations

import argparse

from .. import cli
from ..perf import error
from ._connection import short_path
from ._failures import FAILURES
from ._output import needs_extra, say

PROGRAMS = ["ashd-pdm", "pdm-repl"]
SHELLS = ("bash", "zsh", "fish")


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    if options.shell not in SHELLS:
        raise error(
            f"there are no completions for {options.shell}; choose one of {', '.join(SHELLS)}"
        )
    with needs_extra("completion in shells"):
        from argcomplete.shell_integration import shellcode
    say(*shellcode(PROGRAMS, shell=options.shell).split("\n"))
    return 0


def names_of_objects(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the names of objects that begin with `prefix`, as argcomplete asks for them."""
    target = parsed_args.target or ""
    if "/" not in target or ":" in target:  # a TAB must not start ssh
        return []
    try:
        with (
            cli.open_perf(target, timeout=1.0) as client,
            client.find("pdm.perf.objects") as objects,
        ):
            names = map(short_path, objects.listdir())
            return [name for name in names if name.startswith(prefix) and name.isprintable()]
    except FAILURES:
        return []

"""The subcommand: writes the metrics once, or serves them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ashd.pdm.command._connection import open_perf
from ashd.pdm.command._output import say
from ashd.pdm.command.metrics._collect import collect
from ashd.pdm.command.metrics._format import render
from ashd.pdm.command.metrics._serve import CLIENT_TIMEOUT, parse_address, serve

if TYPE_CHECKING:
    import argparse


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    if options.listen is not None:
        return serve(parse_address(options.listen), options.target, lambda: metrics(options))
    say(*metrics(options).splitlines())
    return 0


def metrics(options: argparse.Namespace) -> str:
    """Ask the daemon, and return the text. Each look is a connection of its own, so that a daemon
    may be started anew at any time.
    """
    with open_perf(options, timeout=CLIENT_TIMEOUT) as client:
        return render(collect(client, options.attribute or ()))

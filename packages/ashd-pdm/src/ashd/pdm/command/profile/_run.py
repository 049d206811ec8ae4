"""The subcommand: asks for samples and writes them, by the file's name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..._records import Profile
from ...perf import error
from .._connection import call, find, once
from .._output import progress
from ._flamegraph import write_html, write_svg
from ._formats import summary, write_collapsed, write_speedscope
from ._stacks import Samples, read_answers

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterable

    from ...cli import PerfClient

WRITERS: dict[str, Callable[[Samples, str], str]] = {
    ".svg": write_svg,
    ".html": write_html,
    ".json": write_speedscope,
    ".txt": write_collapsed,
}


def ask(client: PerfClient, options: argparse.Namespace) -> dict[str, Samples]:
    """Have the daemon sample its threads. Whether a file can be written is known before that."""
    path = Path(options.output or "x.txt")
    if path.suffix not in WRITERS:
        raise error(f"{path}: the name must end in {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise error(f"{path}: there is no such directory")
    profile = find(client, "profile")
    progress(f"sampling for {options.seconds:g} s")
    more = (True,) if options.cpu else ()  # for daemons that don't know it
    try:
        found = call(profile, Profile, "run", options.seconds, options.rate, *more)
    finally:
        progress("")
    return {"": read_answers(found, idle=options.idle)}


def show(samples: Samples, options: argparse.Namespace) -> Iterable[str]:
    """Write the file, or return a summary."""
    if options.output is None:
        return summary(samples, options.lines)
    path, took = Path(options.output), f"{samples.seconds:.1f} s"
    text = WRITERS[path.suffix](samples, f"{options.target}, {samples.measure}, {took}")
    path.write_text(text, encoding="utf-8")
    return [f"{path}: {samples.total} samples of {samples.measure} in {took}"]


run = once(ask, show)

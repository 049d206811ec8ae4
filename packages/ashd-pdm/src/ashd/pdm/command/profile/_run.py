"""The subcommand: asks for samples and writes them, by the file's name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..._records import Profile
from ...perf import error
from .._connection import call, find, open_perf
from .._output import progress, say
from ._collapsed import write_collapsed
from ._flamegraph import write_html, write_svg
from ._speedscope import write_speedscope
from ._stacks import Samples, read_answers
from ._summary import summary

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

WRITERS: dict[str, Callable[[Samples, str], str]] = {
    ".svg": write_svg,
    ".html": write_html,
    ".json": write_speedscope,
    ".txt": write_collapsed,
}


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    path = None if options.output is None else Path(options.output)
    write = None if path is None else _writer(path)
    samples = take(options)
    if write is None or path is None:
        say(*summary(samples, options.lines))
    else:
        title = f"{options.target}, {samples.measure}, {samples.seconds:.1f} s"
        path.write_text(write(samples, title), encoding="utf-8")
        say(f"{path}: {samples.total} samples of {samples.measure} in {samples.seconds:.1f} s")
    return 0


def _writer(path: Path) -> Callable[[Samples, str], str]:
    """Choose before any work is done."""
    if path.suffix not in WRITERS:
        raise error(f"{path}: the name must end in {', '.join(WRITERS)}")
    if not path.parent.is_dir():
        raise error(f"{path}: there is no such directory")
    return WRITERS[path.suffix]


def take(options: argparse.Namespace) -> Samples:
    """Have the daemon sample its threads."""
    with open_perf(options) as client:
        profile = find(client, "profile")
        progress(f"sampling for {options.seconds:g} s")
        more = (True,) if options.cpu else ()  # for daemons that don't know it
        try:
            found = call(profile, Profile, "run", options.seconds, options.rate, *more)
        finally:
            progress("")
        return read_answers(found, idle=options.idle)

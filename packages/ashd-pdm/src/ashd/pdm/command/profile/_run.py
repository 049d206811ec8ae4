"""The subcommand: asks for samples and writes them, by the file's name."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from ashd.pdm.command._connection import by_worker, find, open_perf
from ashd.pdm.command._output import progress, say
from ashd.pdm.command.profile._collapsed import write_collapsed
from ashd.pdm.command.profile._flamegraph import write_html, write_svg
from ashd.pdm.command.profile._speedscope import write_speedscope
from ashd.pdm.command.profile._stacks import Samples, read_answers
from ashd.pdm.command.profile._summary import summary
from ashd.pdm.perf import error

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
        with _Progress(options.seconds):
            more = (True,) if options.cpu else ()  # for daemons that don't know it
            answer = profile.invoke("run", options.seconds, options.rate, *more)
        return read_answers(by_worker(client, answer), idle=options.idle)


class _Progress:
    """Counts the seconds on a terminal, in a thread of its own."""

    def __init__(self, seconds: float) -> None:
        self._until = time.monotonic() + seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self) -> None:
        while not self._over.wait(0.5):
            left = max(0.0, self._until - time.monotonic())
            progress(f"sampling, {left:.0f} s left ")
        progress("")

    def __enter__(self) -> None:
        if sys.stderr.isatty():
            self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join()

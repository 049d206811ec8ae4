"""The subcommand: a live screen on a terminal, text otherwise."""

from __future__ import annotations

import argparse
import sys
import time

from ...perf import error
from .._failures import sentence
from .._output import needs_extra, say, warn
from ._figures import History
from ._look import Question, Watcher
from ._view import Frame, as_text, layout

PLAIN_LINES = 40
PLAIN_COLUMNS = 100


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    watcher, history = Watcher(options), History()
    try:
        history.add(watcher.look(Question()))
        encoding = (sys.stdout.encoding or "").lower().replace("-", "")
        frame = Frame(options.target, threads=not watcher.has_requests, unicode=encoding == "utf8")
        if not options.plain and sys.stdin.isatty() and sys.stdout.isatty():
            try:
                with needs_extra("the live screen"):
                    from ._live import Live
            except error as exc:
                warn(f"{sentence(exc)} (this is plain text)")
            else:
                return Live(watcher, history, frame, options).run()
        return _plain(watcher, history, frame, options)
    finally:
        watcher.close()


def _plain(watcher: Watcher, history: History, frame: Frame, options: argparse.Namespace) -> int:
    """Write a block of text for each look; rates need two, so the first one is only a beginning."""
    frame.lines, frame.columns, frame.selected = PLAIN_LINES, PLAIN_COLUMNS, -1
    count = 0
    while options.count is None or count < options.count:
        time.sleep(options.interval)
        history.add(watcher.look(Question(threads=frame.threads)))
        count += 1
        lines = as_text(layout(history, frame)[:-1]).rstrip().split("\n")
        say(time.strftime("--- %H:%M:%S"), *lines)
    return 0

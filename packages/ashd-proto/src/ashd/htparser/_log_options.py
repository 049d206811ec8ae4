"""The options of the command line that say what is logged, and how."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from ashd.proto._logs import FORMATS, TEXT


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the command line says of logs."""

    style: str
    """Of the front end's own log: one of `FORMATS`."""


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--log-format",
        choices=FORMATS,
        default=TEXT,
        help="lines of the front end's own log (default text)",
    )


def log_settings(options: argparse.Namespace) -> LogSettings:
    """Return what was given."""
    return LogSettings(options.log_format)

"""The options of the command line that say what is logged, and how."""

from __future__ import annotations

import argparse
from dataclasses import dataclass

from ashd.accesslog import COMBINED, AccessFormat, FormatError, LogFile
from ashd.log import FORMATS, TEXT

from ._errors import StartError, UsageError
from ._record import Records


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What the command line says of logs."""

    style: str
    """Of the front end's own log: one of `FORMATS`."""
    access_log: str
    """Path of the access log, `-` for standard output; nothing if there is none."""
    access_format: AccessFormat
    request_id: bool
    """Whether requests get ids, even if the access log doesn't show them."""

    def open(self) -> Records | None:
        """Open the access log; None if nobody wants records of requests. Raises `StartError`."""
        file = None
        if self.access_log:
            try:
                file = LogFile(self.access_log)
            except OSError as error:
                raise StartError(
                    f"the access log {self.access_log} can't be opened: {error.strerror}"
                ) from error
        elif not self.request_id:
            return None
        return Records(file, self.access_format, identify=self.request_id)


def add_log_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    parser.add_argument(
        "--log-format",
        choices=FORMATS,
        default=TEXT,
        help="lines of the front end's own log (default text)",
    )
    parser.add_argument(
        "--access-log",
        default="",
        metavar="FILE",
        help="log each request to FILE (-: standard output), which SIGUSR1 opens anew",
    )
    parser.add_argument(
        "--access-log-format",
        default=COMBINED,
        metavar="FORMAT",
        help="combined, common, json, json:FIELD,... or text with fields like {client} {status} "
        "(default combined)",
    )
    parser.add_argument(
        "--request-id",
        action="store_true",
        help="give each request an id (X-Ash-Request-ID); an access log with ids does so anyway",
    )


def log_settings(options: argparse.Namespace) -> LogSettings:
    """Return what was given; raises `UsageError`."""
    try:
        form = AccessFormat(options.access_log_format)
    except FormatError as error:
        raise UsageError(f"--access-log-format: {error}") from None
    return LogSettings(options.log_format, options.access_log, form, options.request_id)

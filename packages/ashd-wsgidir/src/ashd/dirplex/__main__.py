"""The command `ashd-dirplex`."""

from __future__ import annotations

import argparse
import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

from ashd.log import FORMATS, JSON, TEXT
from ashd.util import serve_loop

from . import Dirplex, Error, UsageError, read_configs, start_logging


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve a directory until end-of-file on standard input; return the exit status."""
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    start_logging(style=options.log_format)
    try:
        _check_stdin()
        configs = read_configs(
            options.config, use_global=not options.no_global, strict=options.strict
        )
        _enter(options.directory)
        with Dirplex(".", configs) as dirplex:
            serve_loop(dirplex)
    except (Error, OSError) as error:
        if options.log_format == JSON:
            logging.getLogger("ashd.dirplex").error("%s", error)
        else:
            print(f"ashd-dirplex: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="ashd-dirplex",
        description="Serve a directory as an ashd handler: map URLs to files, and pass requests on "
        "to the programs that the configuration names.",
    )
    parser.add_argument(
        "-N", "--no-global", action="store_true", help="don't read the global dirplex.rc"
    )
    parser.add_argument(
        "-c", "--config", metavar="CONFIG", help="also read this configuration file"
    )
    parser.add_argument(
        "--strict",
        action="store_true",
        help="don't start with a configuration of which something would be left out: unknown "
        "directives, missing files, lines and words too many",
    )
    parser.add_argument(
        "--log-format", choices=FORMATS, default=TEXT, help="lines of the log (default: text)"
    )
    parser.add_argument("--version", action=_Version)
    parser.add_argument("directory", metavar="DIR", help="the directory to serve")
    return parser


class _Version(argparse.Action):
    """Print the version; it is looked up only then, which keeps the start short."""

    def __init__(self, option_strings: Sequence[str], dest: str) -> None:
        super().__init__(option_strings, dest, nargs=0, help="print the version, and exit")

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from importlib.metadata import version

        print(f"ashd-dirplex {version('ashd-wsgidir')}")  # noqa: T201
        parser.exit()


def _check_stdin() -> None:
    try:
        with socket.socket(fileno=os.dup(0)) as sock:
            right = sock.family == socket.AF_UNIX and sock.type == socket.SOCK_SEQPACKET
    except OSError:
        right = False
    if not right:
        raise UsageError(
            "standard input is not a handler socket; start this from a front end, like this: "
            "ashd-htparser plain:port=8080 -- ashd-dirplex DIR"
        )


def _enter(directory: str) -> None:
    try:
        os.chdir(directory)
    except OSError as error:
        raise UsageError(f"{directory} can't be served: {error.strerror}") from error


if __name__ == "__main__":
    sys.exit(main())

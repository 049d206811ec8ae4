"""Makes the parser out of the table."""

from __future__ import annotations

import argparse
import importlib.metadata
from typing import TYPE_CHECKING, Any, NoReturn

from ashd.pdm.command._options import SUBCOMMANDS, Argument, Option, Subcommand

if TYPE_CHECKING:
    from collections.abc import Callable

RISK = "Whoever reaches a debug socket can run code as the user of the daemon."


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one sentence."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong; exit status 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def make_parser() -> Parser:
    """Return the parser of `ashd-pdm`. What it returns has `subcommand` in it."""
    parser = Parser(
        prog="ashd-pdm",
        description="Look into a live Python daemon through its debug socket.",
        epilog=RISK,
        allow_abbrev=False,
    )
    version = importlib.metadata.version("ashd-pdm")
    parser.add_argument("-V", "--version", action="version", version=f"ashd-pdm {version}")
    chosen = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=Parser)
    for subcommand in SUBCOMMANDS:
        add_subcommand(
            chosen.add_parser(
                subcommand.name,
                help=subcommand.help,
                description=f"{subcommand.help.capitalize()}.",
                epilog=subcommand.notes,
                allow_abbrev=False,
            ),
            subcommand,
        )
    return parser


def add_subcommand(parser: argparse.ArgumentParser, subcommand: Subcommand) -> None:
    """Let `parser` read what belongs to one subcommand."""
    parser.set_defaults(subcommand=subcommand)
    for argument in subcommand.arguments:
        _add_argument(parser, argument)
    for option in subcommand.options:
        _add_option(parser, option)


def _add_argument(parser: argparse.ArgumentParser, argument: Argument) -> None:
    parser.add_argument(
        argument.name.lower(), metavar=argument.name, help=argument.help, nargs=argument.count
    )


def _add_option(parser: argparse.ArgumentParser, option: Option) -> None:
    if option.value is None:
        parser.add_argument(*option.spellings, help=option.help, action="store_true")
        return
    parser.add_argument(
        *option.spellings,
        help=option.help,
        metavar=option.value,
        type=_converter(option.convert),
        default=option.default,
        action="append" if option.repeats else "store",
    )


def _converter(convert: Callable[[str], Any]) -> Callable[[str], Any]:
    def converted(text: str) -> Any:
        try:
            return convert(text)
        except ValueError:
            wanted = getattr(convert, "wants", "something else")
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted}") from None

    return converted

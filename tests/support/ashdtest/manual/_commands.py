"""The commands, and what their own tables say of their options."""

from __future__ import annotations

import argparse
import re
from enum import Enum, auto
from typing import NamedTuple

from ashd.accesslog import PRESETS
from ashd.dirplex.__main__ import _parser as dirplex_parser
from ashd.htparser._options import _parser as htparser_parser
from ashd.htparser._portspec import PORT_HANDLERS
from ashd.serve._spec import MODELS
from ashd.wsgi._option_table import options_of


class Kind(Enum):
    """What the shell knows."""

    FILES = auto()
    FOLDERS = auto()
    USERS = auto()


class Rest(Enum):
    """What follows the first operands."""

    NOTHING = auto()
    ARGUMENTS = auto()
    """Anything: options end at the first operand."""
    COMMAND = auto()
    """After `--`, a command with its arguments."""


Values = Kind | tuple[str, ...]
"""What can be completed: words, or what the shell knows."""

VALUES: dict[str, Values] = {
    "CONFIG": Kind.FILES,
    "DIRECTORY": Kind.FOLDERS,
    "FILE": Kind.FILES,
    "FORMAT": (*PRESETS, "json"),
    "MODEL": tuple(MODELS),
    "MODPATH": Kind.FOLDERS,
    "PDM-SPEC": Kind.FILES,
    "USER[:GROUP]": Kind.USERS,
}
"""How values are completed, by metavar; a metavar like `text|json` says so itself."""


class Option(NamedTuple):
    """An option, as `--help` shows it; without a metavar it takes no value."""

    flags: tuple[str, ...]
    metavar: str
    help: str

    @property
    def brief(self) -> str:
        """The first part of its help."""
        return re.split(r"; |(?<=\w)\. | \(", self.help)[0]

    @property
    def values(self) -> Values:
        """How its value is completed."""
        words = tuple(word for word in self.metavar.split("|") if word.islower())
        return VALUES.get(self.metavar, words)


class Command(NamedTuple):
    """A command; `operand` is the metavar of its first operand, `values` how that is completed."""

    name: str
    package: str
    options: list[Option]
    operand: str
    values: Values
    rest: Rest
    also: tuple[str, ...] = ()
    """Other names of it."""


def _of_parser(parser: argparse.ArgumentParser) -> list[Option]:
    return [_of_action(action) for action in parser._actions if action.option_strings]


def _of_action(action: argparse.Action) -> Option:
    choices = "|".join(action.choices or ())
    metavar = "" if action.nargs == 0 else str(action.metavar or choices)
    return Option(tuple(action.option_strings), metavar, str(action.help))


def _of_wsgi(*, scgi: bool) -> list[Option]:
    found = []
    for option in options_of(scgi=scgi):
        letter, name = f"-{option.letter}", f"--{option.name}"
        flags = tuple(flag for flag in (letter, name) if flag.strip("-"))
        found.append(Option(flags, option.metavar, option.help))
    return found


_MODULE = ("MODULE:OBJECT", (), Rest.ARGUMENTS)
_PORTS = tuple(
    f"{name}:{parameter}="
    for name, handler in PORT_HANDLERS.items()
    for parameter in handler.parameters
)

COMMANDS = (
    Command("ashd-wsgi", "ashd-wsgi", _of_wsgi(scgi=False), *_MODULE, also=("ashd-wsgi3",)),
    Command("scgi-wsgi", "ashd-wsgi", _of_wsgi(scgi=True), *_MODULE),
    Command(
        *("ashd-htparser", "ashd-proto", _of_parser(htparser_parser())),
        *("PORTSPEC", _PORTS, Rest.COMMAND),
    ),
    Command(
        *("ashd-dirplex", "ashd-wsgidir", _of_parser(dirplex_parser())),
        *("DIR", Kind.FOLDERS, Rest.NOTHING),
    ),
)

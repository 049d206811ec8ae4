"""A manual page, in mdoc."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from ashd.htparser._portspec import PORT_HANDLERS

from ._commands import Command, Option

TEXTS = Path(__file__).parents[4] / "docs/man"
"""What is written by hand; a line `@NAME@` stands for a list."""


def page(command: Command) -> str:
    """Return the page of a command."""
    text = (TEXTS / f"{command.name}.1.in").read_text(encoding="utf-8")
    for name, lines in _LISTS.items():
        text = text.replace(f"@{name}@\n", "".join(f"{line}\n" for line in lines(command)))
    return text


def _options(command: Command) -> list[str]:
    items = [line for option in command.options for line in _option(option)]
    return [".Bl -tag -width Ds", *items, ".El"]


def _option(option: Option) -> list[str]:
    flags = " , ".join(f"Fl {_word(flag[1:])}" for flag in option.flags)
    value = f" Ar {_word(option.metavar)}" if option.metavar else ""
    return [f".It {flags}{value}", *_sentences(option.help)]


def _ports(_: Command) -> list[str]:
    lines = []
    for name, handler in PORT_HANDLERS.items():
        lines += [f".Ss {name}: {handler.help}", ".Bl -tag -width Ds"]
        for parameter, about in handler.parameters.items():
            lines += [f".It Cm {parameter} Ns = Ns Ar {about.metavar}", *_sentences(about.help)]
        lines.append(".El")
    return lines


def _sentences(text: str) -> list[str]:
    """Return text of which no character means something to the formatter, a sentence a line."""
    plain = re.sub(r"(?<![\w)])-[\w-]+", lambda found: _word(found[0]), text.replace("\\", r"\e"))
    lines = re.split(r"(?<=[.]) (?=[A-Z])", plain)
    return [rf"\&{line}" if line.startswith((".", "'")) else line for line in lines]


def _word(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")


_LISTS: dict[str, Callable[[Command], list[str]]] = {"OPTIONS": _options, "PORTS": _ports}

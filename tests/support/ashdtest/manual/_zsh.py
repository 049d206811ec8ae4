"""Completion in zsh."""

from __future__ import annotations

import re

from ._commands import Command, Kind, Option, Rest, Values

_ACTIONS = {Kind.FILES: "_files", Kind.FOLDERS: "_files -/", Kind.USERS: "_users"}

_COMMAND = """\
local -i end=${words[(i)--]}
if ((end < CURRENT)); then
    ((CURRENT -= end))
    shift $end words
    _normal
    return
fi
"""


def completion(command: Command) -> str:
    """Return what completes the words of a command."""
    specs = [spec for option in command.options for spec in _specs(option)]
    many = "*" if command.rest is Rest.COMMAND else "1"
    operand = _action(command.values) if command.values else "()"  # a hint would hide options
    specs.append(f"{many}:{_plain(command.operand)}:{operand}")
    if command.rest is Rest.ARGUMENTS:
        specs.append("*:argument:_files")
    ends = "-S -A '-*'" if command.rest is Rest.ARGUMENTS else "-S"
    lines = [f"_arguments -s {ends}", *(f"    {_quoted(spec)}" for spec in specs)]
    before = _COMMAND if command.rest is Rest.COMMAND else ""
    head = f"#compdef {command.name}\n# Made of the command's table of options.\n"
    return head + before + " \\\n".join(lines) + "\n"


def _specs(option: Option) -> list[str]:
    """Return a specification for each spelling, which excludes the others."""
    others = " ".join(option.flags)
    once = "*" if "repeatable" in option.help else f"({others})"
    value = f":{_plain(option.metavar)}:{_action(option.values)}" if option.metavar else ""
    about = re.sub(r"([\[\]\\])", r"\\\1", option.brief)
    return [f"{once}{_spelling(flag, option)}[{about}]{value}" for flag in option.flags]


def _spelling(flag: str, option: Option) -> str:
    if not option.metavar:
        return flag
    return f"{flag}=" if flag.startswith("--") else f"{flag}+"


def _action(values: Values) -> str:
    if isinstance(values, Kind):
        return _ACTIONS[values]
    if not values:
        return " "
    if values[0].endswith("="):
        return f"compadd -S '' -- {' '.join(values)}"
    return f"({' '.join(values)})"


def _plain(text: str) -> str:
    return text.replace(":", r"\:")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", r"'\''") + "'"

"""The page of the site that has the options of every command."""

from __future__ import annotations

from collections.abc import Iterable

from ashd.pdm.command._parser import DAEMON, SUBCOMMANDS, Subcommand, Word, _words

from ._commands import COMMANDS, Command, Option

_HEAD = """\
# Options of every command

What `--help` and the manual pages say, from the commands' own tables.
"""

_SYNOPSES = {
    "ashd-wsgi": "ashd-wsgi [OPTIONS] MODULE:OBJECT\nashd-wsgi [OPTIONS] HANDLER-MODULE [ARGS...]",
    "scgi-wsgi": "scgi-wsgi [OPTIONS] MODULE:OBJECT\nscgi-wsgi [OPTIONS] HANDLER-MODULE [ARGS...]",
    "ashd-htparser": "ashd-htparser [OPTIONS] PORTSPEC... -- ROOT-HANDLER [ARGS...]",
    "ashd-dirplex": "ashd-dirplex [OPTIONS] DIR",
}

_MORE = {"ashd-wsgi": "`ashd-wsgi3` is another name of it. "}


def options_page() -> str:
    """Return the page."""
    return "\n".join([_HEAD, *map(_section, COMMANDS), *_debugger()])


def _section(command: Command) -> str:
    more = f"{_MORE.get(command.name, '')}[More]({command.name}.md).\n"
    lines = ["| option | meaning |", "| --- | --- |", *map(_row, command.options)]
    synopsis = "".join(f"    {line}\n" for line in _SYNOPSES[command.name].split("\n"))
    return f"## {command.name}\n{synopsis}\n{more}\n" + "\n".join(lines) + "\n"


def _row(option: Option) -> str:
    return _cells(option.flags, option.metavar, option.help)


def _cells(flags: Iterable[str], metavar: str, text: str) -> str:
    names = [f"`{flag}`" for flag in flags]
    names[-1] = f"{names[-1][:-1]} {metavar}`" if metavar else names[-1]
    return "| " + ", ".join(names).replace("|", r"\|") + f" | {_plain(text)} |"


def _debugger() -> list[str]:
    about = "`pdm-repl` is the same as `ashd-pdm repl`. [More](../guides/pdm.md).\n"
    heads = ["## ashd-pdm", f"    ashd-pdm COMMAND [OPTIONS] TARGET [ARGS...]\n\n{about}"]
    common = ["All commands but `completion` have these:", "", *_table(_words(DAEMON)), ""]
    return [*heads, *common, *map(_subcommand, SUBCOMMANDS)]


def _subcommand(subcommand: Subcommand) -> str:
    own = [word for word in subcommand.words if word not in _words(DAEMON)]
    table = "\n".join(_table(own)) + "\n" if own else ""
    return f"### ashd-pdm {subcommand.name}\n{_plain(subcommand.help)}\n\n{table}"


def _table(words: list[Word]) -> list[str]:
    return ["| argument | meaning |", "| --- | --- |", *map(_word, words)]


def _word(word: Word) -> str:
    metavar = str(word.settings.get("metavar", ""))
    is_option = word.flags[0].startswith("-")
    flags, value = (word.flags, metavar) if is_option else ([metavar], "")
    return _cells(flags, value, str(word.settings["help"]))


def _plain(text: str) -> str:
    """Return text in which Markdown sees nothing but text."""
    for character in "\\|*_[]<":
        text = text.replace(character, f"\\{character}")
    return text

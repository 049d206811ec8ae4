"""Options from elsewhere than the command line: a variable of the environment, and a TOML file."""

from __future__ import annotations

import os
from collections.abc import Mapping
from enum import Enum

from ._errors import UsageError

VARIABLE = "ASHD_WSGI_ARGS"
"""Holds options as they would stand on the command line."""

Values = dict[str, list[str]]
"""The values of options, by their long names, and in the order in which they are given."""


class Kind(Enum):
    """What an option takes."""

    FLAG = "true or false"
    VALUE = "a text or a number"
    LIST = "a text, or a list of them"


def words_of_environment() -> list[str]:
    """Return the words of `VARIABLE`; raises `UsageError`."""
    text = os.environ.get(VARIABLE, "")
    if not text.strip():
        return []
    import shlex

    try:
        return shlex.split(text)
    except ValueError as error:
        raise UsageError(str(error)) from None


def read_file(file: str, kinds: Mapping[str, Kind]) -> Values:
    """Return what a TOML file says of the options `kinds`; raises `UsageError`."""
    import tomllib

    try:
        with open(file, "rb") as stream:  # noqa: PTH123 - start-up time
            found = tomllib.load(stream)
    except OSError as error:
        raise UsageError(f"--config {file}: {error.strerror}") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise UsageError(f"{file}: {error}") from None
    return {name: _texts(file, name, value, kinds) for name, value in found.items()}


def _texts(file: str, name: str, value: object, kinds: Mapping[str, Kind]) -> list[str]:
    kind = kinds.get(name)
    if kind is None:
        from ._suggest import did_you_mean

        hint = did_you_mean(name, kinds) or f"; known: {', '.join(kinds)}"
        raise UsageError(f"{file}: there is no option {name!r}{hint}")
    if kind is Kind.FLAG and isinstance(value, bool):
        return [""] * value
    values = value if kind is Kind.LIST and isinstance(value, list) else [value]
    if kind is Kind.FLAG or not all(map(_is_plain, values)):
        raise UsageError(f"{file}: {name} takes {kind.value}, not {value!r}")
    return [str(each) for each in values]


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)

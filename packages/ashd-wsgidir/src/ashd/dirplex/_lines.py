"""The first layer of the configuration language: words, lines, stanzas.

A stanza is an unindented line and the indented lines below it. Words are separated by white space;
double quotes and backslashes quote it, and each other. A line that starts with `#` is a comment.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from ._errors import ConfigError


@dataclass(frozen=True, slots=True)
class Line:
    """The words of one line (at least one), and its place in the file."""

    file: str
    number: int
    words: tuple[str, ...]

    @property
    def keyword(self) -> str:
        """The first word."""
        return self.words[0]

    @property
    def arguments(self) -> tuple[str, ...]:
        """The words after the first."""
        return self.words[1:]

    def fail(self, reason: str) -> NoReturn:
        """Raise a `ConfigError` for this line."""
        raise ConfigError(self.file, self.number, reason)


@dataclass(frozen=True, slots=True)
class Stanza:
    """A directive, and the lines that follow it."""

    head: Line
    body: list[Line] = field(default_factory=list)


def stanzas(file: str, text: bytes) -> Iterator[Stanza]:
    """Split a file's text into stanzas; raises `ConfigError`."""
    stanza: Stanza | None = None
    for line, indented in _lines(file, text):
        if not indented:
            if stanza is not None:
                yield stanza
            stanza = Stanza(line)
        elif stanza is None:
            line.fail("an indented line needs an unindented one above it")
        else:
            stanza.body.append(line)
    if stanza is not None:
        yield stanza


def _lines(file: str, text: bytes) -> Iterator[tuple[Line, bool]]:
    for number, raw in enumerate(text.split(b"\n"), 1):
        line = os.fsdecode(raw)
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            words = tuple(split_words(line))
        except ValueError as error:
            raise ConfigError(file, number, str(error)) from None
        yield Line(file, number, words), line[0].isspace()


def split_words(line: str) -> Iterator[str]:
    """Split a line into words; raises ValueError for a quote or backslash without an end."""
    word: list[str] | None = None
    quoted = False
    characters = iter(line)
    for character in characters:
        if character == "\0":
            raise ValueError("there is a NUL byte in the line")
        if character.isspace() and not quoted:
            if word is not None:
                yield "".join(word)
            word = None
            continue
        word = [] if word is None else word
        if character == '"':
            quoted = not quoted
        elif character == "\\":
            word.append(_escaped(characters))
        else:
            word.append(character)
    if quoted:
        raise ValueError("a double quote is not closed on its line")
    if word is not None:
        yield "".join(word)


def _escaped(characters: Iterator[str]) -> str:
    following = next(characters, None)
    if following is None:
        raise ValueError("there is nothing after the backslash at the end of the line")
    return following

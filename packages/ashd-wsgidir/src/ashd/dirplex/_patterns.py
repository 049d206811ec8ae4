"""Shell patterns as fnmatch(3) has them, with or without its FNM_PATHNAME."""

from __future__ import annotations

import re

_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "xdigit": "0-9A-Fa-f",
    "space": r"\s",
    "punct": r"!-/:-@\[-`{-~",
}
_NAMED_CLASS = re.compile(r"\[:(\w+):\]")


def compile_pattern(pattern: str, *, pathname: bool = False) -> re.Pattern[str]:
    """Return what matches the whole of the names that a shell pattern matches.

    Wildcards are `*`, `?` and `[...]` (`[!...]` for the others, ranges, `[:digit:]` and the like);
    a backslash takes the next character as it is. With `pathname` no wildcard matches a slash.
    Raises ValueError for a range that runs backwards.
    """
    any_one = "[^/]" if pathname else "."
    segments = [""]  # what stands between the stars
    position = 0
    while position < len(pattern):
        character = pattern[position]
        position += 1
        if character == "*":
            segments.append("")
        elif character == "?":
            segments[-1] += any_one
        elif character == "[" and (end := _bracket_end(pattern, position)) is not None:
            segments[-1] += ("(?!/)" if pathname else "") + _bracket(pattern[position:end])
            position = end + 1
        else:
            if character == "\\" and position < len(pattern):
                character = pattern[position]
                position += 1
            segments[-1] += re.escape(character)
    try:
        return re.compile(_join(segments, any_one), re.DOTALL)
    except re.error as error:
        raise ValueError(f"{pattern!r} is not a pattern: {error.msg}") from error


def _join(segments: list[str], any_one: str) -> str:
    """Join segments by stars, in a way that is matched in time linear in the name.

    Each segment but the last is taken where it is first found, for good (an atomic group): if the
    rest can be matched at all, then also from there. So only the last star is ever tried again.
    """
    first, *rest = segments
    if not rest:
        return first
    middle = [f"(?>{any_one}*?{segment})" for segment in rest[:-1] if segment]
    return f"{first}{''.join(middle)}{any_one}*{rest[-1]}"


def _bracket_end(pattern: str, position: int) -> int | None:
    """Return where the bracket expression ends whose inside starts at `position`."""
    if pattern[position : position + 1] in ("!", "^"):
        position += 1
    if pattern[position : position + 1] == "]":
        position += 1
    while position < len(pattern) and pattern[position] != "]":
        if pattern.startswith("[:", position):
            closed = pattern.find(":]", position + 2)
            position = closed + 2 if closed >= 0 else position + 1
        else:
            position += 2 if pattern[position] == "\\" else 1
    return position if position < len(pattern) else None


def _bracket(inside: str) -> str:
    negated = inside[0] in "!^"
    parts = ["[^" if negated else "["]
    position = 1 if negated else 0
    while position < len(inside):
        if (named := _NAMED_CLASS.match(inside, position)) and named[1] in _CLASSES:
            parts.append(_CLASSES[named[1]])
            position = named.end()
            continue
        if inside[position] == "\\" and position + 1 < len(inside):
            position += 1
            parts.append(re.escape(inside[position]))
        else:
            parts.append("-" if inside[position] == "-" else re.escape(inside[position]))
        position += 1
    return "".join(parts) + "]"

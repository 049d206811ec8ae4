"""Text for terminals: nothing that came from elsewhere may control them. Pure functions."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from itertools import starmap

UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def clean(text: str) -> str:
    """Return `text` with all characters that are not printable as escapes; for one line."""
    return _escaped(text, lambda c: c.encode("unicode_escape").decode())


def escape_json(text: str) -> str:
    """Return JSON on one line, with escapes of its own: what reads it gets the same value."""
    return _escaped(text, lambda c: json.dumps(c)[1:-1])


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    return "".join(c if c.isprintable() else escape(c) for c in text)


def clean_lines(text: str) -> str:
    """Return `text` as `clean` does, but with its lines and tabs."""
    return "\n".join(clean(line) for line in text.expandtabs().split("\n"))


def width(text: str) -> int:
    """Return how many columns a printable text takes."""
    if text.isascii():
        return len(text)
    return sum(
        0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1
        for c in text
    )


def size(count: float) -> str:
    """Return a number of bytes in a unit that can be read."""
    sign, count = ("-" if count < 0 else ""), abs(float(count))
    unit = 0
    while count >= 1000 and unit < len(UNITS) - 1:
        count /= 1024
        unit += 1
    digits = 0 if unit == 0 or count >= 100 else 1
    return f"{sign}{count:.{digits}f} {UNITS[unit]}"


def duration(seconds: float) -> str:
    """Return a time in a unit that can be read: `12 us`, `3.4 ms`, `1.2 s`, `4m05s`, `3h12m`."""
    if seconds < 0.001:
        return f"{seconds * 1e6:.0f} us"
    if seconds < 1:
        return f"{seconds * 1000:.{int(seconds < 0.01)}f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    if minutes < 60:
        return f"{minutes}m{rest:02}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours < 48 else f"{hours // 24}d{hours % 24:02}h"


def count(number: float) -> str:
    """Return a number with its thousands apart."""
    return f"{number:,.0f}"


def table(rows: Sequence[tuple[str, ...]], right: str = "") -> list[str]:
    """Return aligned columns, all cells `clean`; `right` has an `r` for each one on the right."""
    cleaned = [tuple(map(clean, row)) for row in rows]
    columns = [max(map(width, column)) for column in zip(*cleaned, strict=True)]

    def padded(at: int, cell: str) -> str:
        padding = " " * (columns[at] - width(cell))
        return padding + cell if right[at : at + 1] == "r" else cell + padding

    return ["  ".join(starmap(padded, enumerate(row))).rstrip() for row in cleaned]

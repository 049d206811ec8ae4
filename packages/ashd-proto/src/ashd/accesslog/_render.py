"""How the values of a field stand in lines: a column of them at a time. No I/O."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from struct import Struct
from typing import Any, NamedTuple

from ._entry import Burst
from ._escape import Escaped, all_plain, escape_json, escape_text
from ._fields import FIELDS, Field, Get, Kind

_SIX_OF_SEVEN = Struct("x6s")

Columns = list[Iterable[Any]]

Render = Callable[[Burst, Columns], bytes]
"""Adds to the columns what a field says of each request; returns the place for it in a line."""


class Style(NamedTuple):
    """How values stand in one kind of lines."""

    escape: Callable[[bytes, int], bytes]
    place: bytes
    """For bytes that need no escaping."""
    unknown: bytes


TEXT_STYLE = Style(escape_text, b"%b", b"-")
JSON_STYLE = Style(escape_json, b'"%b"', b"null")


def renderer(field: Field, style: Style, limit: int, *, quick: bool) -> Render:
    """Return what renders a field, with escaped values of `limit` bytes at most.

    With `quick`, those of clients that need no escaping aren't escaped; they may be longer.
    """
    get = field.get
    assert get is not None
    if field.kind is not Kind.CLIENTS:
        return _RENDERS[field.kind](get, style)
    escape = _clients_render(get, Escaped(style.escape, limit))
    if not quick:
        return escape
    return (_line_render if field is FIELDS["line"] else _quick_render)(get, style, escape)


def sender_render(number: int) -> Render:
    """Return what renders a segment of senders' values."""

    def render(burst: Burst, columns: Columns) -> bytes:
        return _put(columns, _distinct([sender[1][number] for sender in burst.senders]), b"%b")

    return render


def fixed(style: Style, get: Callable[[], bytes]) -> Render:
    """Return what renders a value that is the same for all."""

    def render(_: Burst, __: Columns) -> bytes:
        return style.place % get()

    return render


def _distinct(column: Sequence[Any]) -> Sequence[Any]:
    """Return the first value alone, if all are the same: so it is looked at only once."""
    return column[:1] if column.count(column[0]) == len(column) else column


def _put(columns: Columns, values: Sequence[Any], place: bytes) -> bytes:
    """Add a column, unless it has one value: then return that."""
    if len(values) == 1:
        return (place % (values[0],)).replace(b"%", b"%%")
    columns.append(values)
    return place


def _is_plain(values: Sequence[bytes]) -> bool:
    return all(values) and all_plain(values)


def _clients_render(get: Get, escaped: Escaped) -> Render:
    def render(burst: Burst, columns: Columns) -> bytes:
        return _put(columns, [escaped[value] for value in get(burst)], b"%b")

    return render


def _quick_render(get: Get, style: Style, escape: Render) -> Render:
    def render(burst: Burst, columns: Columns) -> bytes:
        values = _distinct(get(burst))
        return _put(columns, values, style.place) if _is_plain(values) else escape(burst, columns)

    return render


def _line_render(_: Get, style: Style, escape: Render) -> Render:
    """Render request lines; the usual ones without joining what is joined with the rest anyway."""

    def render(burst: Burst, columns: Columns) -> bytes:
        parts = [_distinct(part) for part in (burst.methods, burst.targets, burst.versions)]
        if not all(map(_is_plain, parts)):
            return escape(burst, columns)
        line = b" ".join([_put(columns, part, b"%b") for part in parts])
        return style.place.replace(b"%b", line)

    return render


def _number_render(get: Get, _: Style) -> Render:
    def render(burst: Burst, columns: Columns) -> bytes:
        return _put(columns, _distinct(get(burst)), b"%d")

    return render


def _time_render(get: Get, style: Style) -> Render:
    """Render times of day in UTC, as RFC 3339 has them."""
    place = style.place

    def render(burst: Burst, columns: Columns) -> bytes:
        offset = time.time() - time.monotonic()
        values: Sequence[float] = get(burst)
        second = int(values[0] + offset)
        shift = offset - second + 1  # with one second more, numbers have seven digits
        numbers = [int((value + shift) * 1e6) for value in values]
        if min(numbers) < 1_000_000 or max(numbers) >= 2_000_000:
            return _put(columns, [_iso_time(value + offset) for value in values], place)
        digits = b"%d" * len(numbers) % tuple(numbers)
        columns.append([six for (six,) in _SIX_OF_SEVEN.iter_unpack(digits)])
        return place % (_iso_date(second) + b"%bZ")

    return render


def _iso_time(seconds: float) -> bytes:
    second, part = divmod(int(seconds * 1e6), 1_000_000)
    return b"%b%06dZ" % (_iso_date(second), part)


def _iso_date(second: int) -> bytes:
    return time.strftime("%Y-%m-%dT%H:%M:%S.", time.gmtime(second)).encode()


def _seconds_render(get: Get, style: Style) -> Render:
    unknown = style.unknown

    def render(burst: Burst, columns: Columns) -> bytes:
        values: Sequence[float] = get(burst)
        if min(values) >= 0:
            return _put(columns, values, b"%.6f")
        shown = [b"%.6f" % value if value >= 0 else unknown for value in values]
        return _put(columns, shown, b"%b")

    return render


def _status_render(get: Get, style: Style) -> Render:
    unknown = style.unknown

    def render(burst: Burst, columns: Columns) -> bytes:
        codes = [status[:3] or unknown for status in _distinct(get(burst))]
        return _put(columns, codes, b"%b")

    return render


def _plain_render(get: Get, style: Style) -> Render:
    place, unknown = style.place, style.unknown

    def render(burst: Burst, columns: Columns) -> bytes:
        values: Sequence[bytes] = _distinct(get(burst))
        if all(values):
            return _put(columns, values, place)
        return _put(columns, [place % value if value else unknown for value in values], b"%b")

    return render


_RENDERS: dict[Kind, Callable[[Get, Style], Render]] = {
    Kind.PLAIN: _plain_render,
    Kind.STATUS: _status_render,
    Kind.NUMBER: _number_render,
    Kind.TIME: _time_render,
    Kind.SECONDS: _seconds_render,
}

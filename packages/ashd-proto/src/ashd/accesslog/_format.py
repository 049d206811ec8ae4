"""Lines of an access log: a format is compiled once, and makes the lines of many requests at once.

A format is text with fields in braces, like `{client} {status} {request:accept-language}`, or the
name of a preset. `FIELDS` has them all. No I/O.

Lines are made column by column: what one field says of many requests is checked and escaped
together, which costs a fraction of doing so for each of them.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from string import Formatter

from ._entry import MAX_VALUE, Burst, Entry, Sender, Values
from ._fields import FIELDS, Field, FormatError, Kind, common_time, field_of
from ._render import JSON_STYLE, TEXT_STYLE, Render, Style, fixed, renderer, sender_render

MAX_LINE = 4096
"""Bytes of a line: a pipe takes so many in one piece (PIPE_BUF), whoever else writes to it."""

_LEAST_VALUE = 16

COMBINED = "combined"
JSON = "json"
_COMMON = '{client} - {user} [{time}] "{line}" {status} {sent}'
PRESETS = {"common": _COMMON, COMBINED: _COMMON + ' "{referer}" "{agent}"'}
"""Those that are text. `json` may have fields of its own: `json:time,status,request:accept`."""

_JSON_FIELDS = (
    "time,client,user,method,target,version,status,sent,received,duration,first_byte,referer,"
    "agent,host,request_id,connection_id,protocol,outcome"
)

_Part = tuple[bytes, str]
"""Literal text of a format, and the name of the field after it; nothing at the end."""


class AccessFormat:
    """A compiled format.

    Attributes:
        sender_values: the names of what `sender` wants: `client`, `user`, `connection_id`,
            `protocol`, or `request:NAME` for a header, in lower case.
        response_headers: the names of the response's headers that are wanted, in lower case.
        detailed: whether entries need their details.
        watching: whether times or headers of responses are wanted.
        identified: whether ids of requests are.
    """

    def __init__(self, text: str) -> None:
        """Compile a format; raises `FormatError`."""
        as_json = text.partition(":")[0] == JSON
        parts = (_parse_json if as_json else _parse_text)(text)
        headers: list[bytes] = []
        fields = [(literal, field_of(name, headers)) for literal, name in parts[:-1]]
        self.response_headers: tuple[bytes, ...] = tuple(headers)
        only = [field for _, field in fields]
        self.sender_values: tuple[str, ...] = tuple(
            dict.fromkeys(each.sender for each in only if each.sender)
        )
        self.detailed: bool = any(field.detailed for field in only)
        self.identified: bool = FIELDS["request_id"] in only
        self.watching: bool = bool(headers) or any(field.kind is Kind.SECONDS for field in only)
        literals = sum(len(literal) for literal, _ in parts)
        share = max(_LEAST_VALUE, (MAX_LINE - literals) // len(fields) - 1)
        style = JSON_STYLE if as_json else TEXT_STYLE
        common = fields, parts[-1][0], self.sender_values, style
        self._plan = _Plan(*common, MAX_VALUE, quick=True)
        self._careful = _Plan(*common, MAX_VALUE, quick=False)
        self._short = _Plan(*common, share, quick=False)
        self.tick()

    def tick(self) -> None:
        """Take note of the time of day for the next lines. To be called each second."""
        self._plan.time = self._careful.time = self._short.time = common_time()

    def sender(self, values: Values) -> Sender:
        """Return what a sender's entries begin with, out of values in `sender_values`' order."""
        return self._plan.sender(values)

    def lines(self, entries: Sequence[Entry]) -> list[bytes]:
        """Return the lines of requests, each with its end."""
        lines = self._plan.lines(entries)
        if max(map(len, lines), default=0) <= MAX_VALUE:
            return lines
        rows = zip(lines, entries, strict=True)
        return [line if len(line) <= MAX_VALUE else self._bounded(each) for line, each in rows]

    def _bounded(self, entry: Entry) -> bytes:
        """Return the line of a request with long values."""
        line = b""
        for plan in (self._careful, self._short):
            (line,) = plan.lines([(plan.sender(entry[0][0]), *entry[1:])])
            if len(line) <= MAX_LINE:
                break
        return line


class _Plan:
    """How lines are made whose values have `limit` bytes at most.

    With `quick`, what needs no escaping may be longer.
    """

    def __init__(
        self,
        fields: Iterable[tuple[bytes, Field]],
        end: bytes,
        names: Sequence[str],
        style: Style,
        limit: int,
        *,
        quick: bool,
    ) -> None:
        self.time = b""
        self._style = style
        self._limit = limit
        self._quick = quick
        self._end = end
        self._parts: list[tuple[bytes, Render]] = []
        self._segments: list[tuple[bytes, list[int]]] = []  # of senders: templates, and values
        in_segment = False
        for literal, field in fields:
            if not field.sender:
                self._parts.append((literal, self._render(field)))
            elif in_segment:
                template, values = self._segments[-1]
                self._segments[-1] = (template + literal + b"%b", values)
                values.append(names.index(field.sender))
            else:
                self._parts.append((literal, sender_render(len(self._segments))))
                self._segments.append((b"%b", [names.index(field.sender)]))
            in_segment = bool(field.sender)

    def _render(self, field: Field) -> Render:
        if field is FIELDS["time"]:
            return fixed(self._style, lambda: self.time)
        return renderer(field, self._style, self._limit, quick=self._quick)

    def sender(self, values: Values) -> Sender:
        shown = [self._style.escape(value, self._limit) for value in values]
        segments = [
            template % tuple([shown[number] for number in numbers])
            for template, numbers in self._segments
        ]
        return values, tuple(segments)

    def lines(self, entries: Sequence[Entry]) -> list[bytes]:
        if not entries:
            return []
        burst = Burst(entries)
        template: list[bytes] = []
        columns: list[Iterable[object]] = []
        for literal, render in self._parts:
            template += (literal, render(burst, columns))
        whole = b"".join([*template, self._end])
        if not columns:
            return [whole % ()] * len(entries)
        return [whole % row for row in zip(*columns, strict=True)]


def _parse_text(text: str) -> list[_Part]:
    parts: list[_Part] = []
    before = ""
    try:
        found = list(Formatter().parse(PRESETS.get(text, text)))
    except ValueError as error:
        raise FormatError(f"{text!r}: {error} (write {{{{ for a brace)") from None
    for literal, name, parameter, conversion in found:
        before += literal
        if conversion:
            raise FormatError(f"!{conversion} has no meaning in a format of the access log")
        if not before.isprintable():
            raise FormatError("a format of the access log can't have control characters")
        if name is not None:
            parts.append((_literal(before), f"{name}:{parameter}" if parameter else name))
            before = ""
    if not parts:
        presets = ", ".join([*PRESETS, JSON])
        raise FormatError(f"{text!r} is no preset ({presets}), and has no fields like {{status}}")
    return [*parts, (_literal(before) + b"\n", "")]


def _parse_json(text: str) -> list[_Part]:
    names = (text.partition(":")[2] or _JSON_FIELDS).split(",")
    parts: list[_Part] = []
    for name in names:
        literal = ("," if parts else "{") + json.dumps(name) + ":"
        parts.append((_literal(literal), "time_iso" if name == "time" else name))
    return [*parts, (b"}\n", "")]


def _literal(text: str) -> bytes:
    return text.replace("%", "%%").encode()

"""Writes values to standard output, for people and as JSON."""

from __future__ import annotations

import json
import pprint
import sys
from typing import Any

from ashd.pdm.command._text import clean, clean_lines
from ashd.pdm.perf import AttrInfo, Event

COLUMNS = 100


def say(text: str = "") -> None:
    """Write a line, at once, so that whoever reads a pipe has it."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def say_json(value: Any) -> None:
    """Write a value as one line of JSON; what JSON doesn't have comes as its nearest relative."""
    say(to_json(value))


def to_json(value: Any) -> str:
    """Return a value as one line of JSON."""
    return json.dumps(plain(value), ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Return a value made of what JSON has: tuples and sets become lists, bytes latin-1 text, keys
    text, events and others dicts of their attributes; a float that is no number becomes None.
    """
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, bool | int | None):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else None
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("latin-1")
    if isinstance(value, dict):
        return {_key(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    if isinstance(value, set | frozenset):
        return [plain(item) for item in sorted(value, key=repr)]
    if isinstance(value, Event | AttrInfo):
        return {"class": type(value).__name__, **plain(vars(value))}
    return repr(value)


def _key(key: Any) -> str:
    return str(plain(key)) if isinstance(key, str) else str(key)


def show(value: Any) -> str:
    """Return a value as people like to read it: text as it is, the rest as Python writes it."""
    if isinstance(value, str):
        return clean_lines(value)
    return clean_lines(pprint.pformat(value, width=COLUMNS, sort_dicts=False))


def show_event(event: Any) -> str:
    """Return an event as one line."""
    if not isinstance(event, Event):
        return clean(repr(event))
    if event.lost:
        return f"{event.lost} events were lost: this client is too slow"
    fields = dict(vars(event))
    fields.pop("time", None)
    shown = " ".join(f"{name}={value!r}" for name, value in fields.items() if value is not None)
    return clean(f"{type(event).__name__} {shown}")

"""The only way to the terminal: all that the command writes goes through `say`, `warn` and `raw`.

`say` and `warn` escape all characters that are not printable, so nothing that a daemon says
controls a terminal, in any command. `raw` is for what code prints at a prompt.
"""

from __future__ import annotations

import json
import math
import pprint
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ..perf import AttrInfo, Event, error
from ._text import clean, escape_json

COLUMNS = 100


def say(*lines: str) -> None:
    """Write lines, at once, so that the reader of a pipe has them."""
    raw("".join(f"{clean(line)}\n" for line in lines))


def raw(text: str) -> None:
    """Write text as it is: control characters in it are obeyed."""
    sys.stdout.write(text)
    sys.stdout.flush()


def warn(text: str) -> None:
    """Write a line to standard error."""
    sys.stderr.write(f"ashd-pdm: {clean(text)}\n")


def progress(text: str) -> None:
    """Show a text in place of the one before, if there is a terminal; "" takes it away."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r{clean(text)}\x1b[K")
        sys.stderr.flush()


@contextmanager
def needs_extra(what: str) -> Iterator[None]:
    """Say what to install when a library of the extra `cli` can't be imported inside."""
    try:
        yield
    except ImportError as exc:
        raise error(f"{what} needs more than Python: pip install 'ashd-pdm[cli]'") from exc


def to_json(value: object) -> str:
    """Return a value as one line of JSON; what JSON doesn't have comes as its nearest relative."""
    return escape_json(json.dumps(plain(value), ensure_ascii=False, allow_nan=False))


def plain(value: Any) -> Any:
    """Return a value made of what JSON has: tuples and sets become lists, bytes latin-1 text, keys
    text, events and others dicts of their attributes; infinite floats and NaN become None.
    """
    if isinstance(value, Event | AttrInfo):
        value = {"class": type(value).__name__, **vars(value)}
    if isinstance(value, set | frozenset):
        value = sorted(value, key=repr)
    match value:
        case str():
            return value.encode("utf-8", "replace").decode()
        case bool() | int() | float() | None:
            return None if isinstance(value, float) and not math.isfinite(value) else value
        case bytes() | bytearray():
            return value.decode("latin-1")
        case dict():
            return {plain(str(key)): plain(inner) for key, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
    return repr(value)


def show(value: object) -> list[str]:
    """Return a value as people like to read it: text as it is, the rest as Python writes it."""
    if not isinstance(value, str):
        value = pprint.pformat(value, width=COLUMNS, sort_dicts=False)
    return value.expandtabs().split("\n")


def show_event(event: object) -> str:
    """Return an event as one line."""
    if not isinstance(event, Event):
        return repr(event)
    if event.lost:
        return f"{event.lost} events were lost: this client is too slow"
    fields = [f"{k}={v!r}" for k, v in vars(event).items() if k != "time" and v is not None]
    return " ".join([type(event).__name__, *fields])

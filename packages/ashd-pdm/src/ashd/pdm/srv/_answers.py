"""Turns answers, events and exceptions into messages of `most` bytes at most. Pure functions, but
for what the objects' own methods do.
"""

from __future__ import annotations

from .._errors import PdmError
from .._frames import frame
from .._limits import CLIENT_PICKLES
from .._names import WIRE_NAMES, is_known_exception
from .._pickles import load
from .._writer import write_answer
from ..perf import error

MAX_TEXT = 10_000
"""Characters of an exception's text that are sent."""


def answer(values: tuple[object, ...], most: int) -> bytes:
    """Return the message with a good answer, or with the reason why it can't be sent."""
    try:
        return _message(("+", *values), most)
    except Exception as exc:
        return failure(error(f"the answer can't be sent: {_text(exc)}"), most)


def failure(exc: BaseException, most: int) -> bytes:
    """Return the message with an exception that every client can read."""
    kind = type(exc)
    try:
        if is_known_exception(kind):
            load(write_answer(exc.args, {}), CLIENT_PICKLES)  # they are plain
            return _message(("-", kind(*exc.args)), most)
    except Exception:
        pass
    name = "" if isinstance(exc, PdmError) else f"{kind.__module__}.{kind.__qualname__}: "
    return _message(("-", error(f"{name}{_text(exc)}")), most)


def event_message(ident: object, event: object, most: int) -> bytes:
    """Return the message with an event. Raises whatever pickling it does."""
    return _message(("*", ident, event), most)


def _message(value: object, most: int) -> bytes:
    body = write_answer(value, WIRE_NAMES)
    if len(body) > most:
        raise error(f"{len(body)} bytes, and the limit is {most}")
    return frame(body)


def _text(exc: BaseException) -> str:
    try:
        return str(exc)[:MAX_TEXT]
    except Exception:
        return "(no text)"

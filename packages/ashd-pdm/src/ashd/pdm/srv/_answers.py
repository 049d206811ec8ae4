"""Turns answers, events and exceptions into messages. Pure functions, but for what the objects' own
methods do.
"""

from __future__ import annotations

from typing import Any

from .._frames import frame
from .._limits import CLIENT_PICKLES
from .._names import WIRE_NAMES, is_known_exception
from .._pickles import load
from .._writer import write_answer
from ..perf import error

MAX_TEXT = 10_000
"""Characters of an exception's text that are sent."""


def answer(*values: Any, most: int) -> bytes:
    """Return the message with a good answer; an error message when it can't be pickled or is too
    large.
    """
    try:
        return _message(("+", *values), most)
    except Exception as exc:
        return failure(error(f"the answer can't be sent: {_text(exc)}"), most=most)


def failure(exc: BaseException, *, most: int) -> bytes:
    """Return the message with an exception that every client can read."""
    try:
        if is_known_exception(type(exc)):
            return _message(("-", _bare(exc)), most)
    except Exception:
        pass
    return _message(("-", error(f"{_name(type(exc))}: {_text(exc)}")), most)


def event_message(ident: Any, event: Any, most: int) -> bytes:
    """Return the message with an event. Raises whatever pickling it does."""
    return _message(("*", ident, event), most)


def _message(value: Any, most: int) -> bytes:
    body = write_answer(value, WIRE_NAMES)
    if len(body) > most:
        raise error(f"{len(body)} bytes, and the limit is {most}")
    return frame(body)


def _bare(exc: BaseException) -> BaseException:
    """The same exception with nothing but plain arguments, or an error."""
    plain = write_answer(exc.args, {})
    load(plain, CLIENT_PICKLES)
    return type(exc)(*exc.args)


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


def _text(exc: BaseException) -> str:
    try:
        return str(exc)[:MAX_TEXT]
    except Exception:
        return "(no text)"

"""PERF messages: a 4-byte signed big-endian length, and a pickle of that many bytes.

Answers and events hold classes of the original library under its names (`pdm.perf.attrinfo`),
whatever module ours live in. The module pickle writes only names that can be imported, and modules
of those names would get in the way of the original. So each such class is written as a persistent
id with a token that is new in every pickle, and the opcode GLOBAL then takes its place. That needs
a protocol without frames: 3. Requests hold plain data only, and go out in protocol 4, whose sets
need no name.
"""

from __future__ import annotations

import io
import os
import pickle
import re
import struct
from contextlib import suppress
from typing import Any

from ._errors import PdmError, ProtocolError
from ._limits import CLIENT_PICKLES
from ._names import WIRE_NAMES, is_known_exception
from ._pickles import load
from ._stream import Stream
from .perf._wire import error

ANSWER_PROTOCOL = 3
REQUEST_PROTOCOL = 4
MAX_TEXT = 10_000
"""Characters of an exception's text that are sent."""

_LENGTH = struct.Struct(">i")
_INDEX = 4  # digits after the token


class LengthError(ProtocolError):
    """A message is announced that is too long, or has a negative length."""


def frame(body: bytes) -> bytes:
    """Return the message that carries `body`."""
    return _LENGTH.pack(len(body)) + body


def read_message(stream: Stream, most: int, seconds: float | None) -> bytes | None:
    """Return the body of the next message; None at end-of-file. `seconds` is the limit between one
    byte and the next, once it has begun. `LengthError` if it has more than `most` bytes.
    """
    header = stream.read_exactly(_LENGTH.size, seconds, first=True)
    if header is None:
        return None
    length: int = _LENGTH.unpack(header)[0]
    if not 0 <= length <= most:
        raise LengthError(f"a message of {length} bytes; the limit is {most}")
    return stream.read_exactly(length, seconds)


class _PlainPickler(pickle.Pickler):
    def reducer_override(self, obj: Any) -> Any:
        raise PdmError(
            f"only plain data can be sent to a server, and {type(obj).__qualname__} is not; "
            "plain data is None, bool, numbers, str, bytes, tuple, list, dict and set"
        )


def write_request(value: Any) -> bytes:
    """Pickle plain data. `PdmError` when there is anything else in it, or too deep a nesting."""
    out = io.BytesIO()
    try:
        _PlainPickler(out, REQUEST_PROTOCOL).dump(value)
    except RecursionError as exc:
        raise PdmError("the value is nested too deeply to be sent") from exc
    return out.getvalue()


def answer(values: tuple[object, ...], most: int) -> bytes:
    """Return the message with a good answer, or with the reason why it can't be sent."""
    try:
        return message(("+", *values), most)
    except Exception as exc:
        return failure(error(f"the answer can't be sent: {_text(exc)}"), most)


def failure(exc: BaseException, most: int) -> bytes:
    """Return the message with an exception that every client can read."""
    kind = type(exc)
    with suppress(Exception):
        if is_known_exception(kind):
            load(_write(exc.args), CLIENT_PICKLES)  # they are plain
            return message(("-", kind(*exc.args)), most)
    name = "" if isinstance(exc, PdmError) else f"{kind.__module__}.{kind.__qualname__}: "
    return message(("-", error(f"{name}{_text(exc)}")), most)


def message(value: object, most: int) -> bytes:
    """Return the message with an answer or event; `error` if it has more than `most` bytes.

    Raises whatever pickling it does.
    """
    body = _write(value)
    if len(body) > most:
        raise error(f"{len(body)} bytes, and the limit is {most}")
    return frame(body)


def _text(exc: BaseException) -> str:
    try:
        return str(exc)[:MAX_TEXT]
    except Exception:
        return "(no text)"


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO) -> None:
        super().__init__(out, ANSWER_PROTOCOL)
        self.token = os.urandom(16).hex()
        self.names: list[str] = []

    def persistent_id(self, obj: Any) -> str | None:
        name = WIRE_NAMES.get(obj) if isinstance(obj, type) else None
        if name is None:
            return None
        self.names.append(name)
        # A new str each time: the pickler must not find it in its memo
        return f"{self.token}{len(self.names) - 1:0{_INDEX}d}"


def _write(value: object) -> bytes:
    out = io.BytesIO()
    pickler = _Pickler(out)
    pickler.dump(value)
    if not pickler.names:
        return out.getvalue()

    def named(match: re.Match[bytes]) -> bytes:
        module, _, name = pickler.names[int(match[1])].rpartition(".")
        return f"c{module}\n{name}\n".encode()

    # BINUNICODE, length, text, BINPUT or LONG_BINPUT with an index, BINPERSID
    pattern = rb"X....%b(\d{%d,})(?:q.|r....)Q" % (pickler.token.encode(), _INDEX)
    return re.sub(pattern, named, out.getvalue(), flags=re.DOTALL)

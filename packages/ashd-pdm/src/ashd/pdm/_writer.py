"""Writes pickles: plain data for requests, and values with the classes of the wire for answers and
events.

The classes of the original library travel under its names (`pdm.perf.attrinfo`), whatever module
ours live in. The module pickle offers no way to say so: it writes a class under its own
`__module__`, and insists that it can be imported from there. Making modules of those names would
get in the way of the original library (and of another package that is called `pdm`), so: each such
class is written as a persistent id with a token that is made anew for every pickle, and the tokens
are then replaced by the opcode GLOBAL with the name. That needs a protocol without frames, which is
3.

Requests go out in protocol 4, whose sets need no name; nothing but plain data gets into them.
"""

from __future__ import annotations

import io
import os
import pickle
import re
from typing import Any

from ._errors import PdmError

ANSWER_PROTOCOL = 3
REQUEST_PROTOCOL = 4
_INDEX = 4  # digits after the token


def write_answer(value: Any, names: dict[type, str]) -> bytes:
    """Pickle `value`; classes that are keys of `names` go under the dotted name there.

    Raises whatever pickle and the methods of the objects raise.
    """
    out = io.BytesIO()
    pickler = _Pickler(out, names)
    pickler.dump(value)
    return pickler.with_names(out.getvalue())


class _Pickler(pickle.Pickler):
    def __init__(self, out: io.BytesIO, names: dict[type, str]) -> None:
        super().__init__(out, ANSWER_PROTOCOL)
        self._wire_names = names
        self._token = ""
        self._met: list[str] = []

    def persistent_id(self, obj: Any) -> str | None:
        if not isinstance(obj, type):
            return None
        name = self._wire_names.get(obj)
        if name is None:
            return None
        self._token = self._token or os.urandom(16).hex()
        self._met.append(name)
        # A new str each time: the pickler must not find it in its memo
        return f"{self._token}{len(self._met) - 1:0{_INDEX}d}"

    def with_names(self, data: bytes) -> bytes:
        if not self._met:
            return data
        # BINUNICODE, length, text, BINPUT or LONG_BINPUT with an index, BINPERSID
        pattern = rb"X....%b(\d{%d,})(?:q.|r....)Q" % (self._token.encode(), _INDEX)
        return re.sub(pattern, self._global, data, flags=re.DOTALL)

    def _global(self, match: re.Match[bytes]) -> bytes:
        module, _, name = self._met[int(match[1])].rpartition(".")
        return f"c{module}\n{name}\n".encode()


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

"""Takes a pickle apart into opcodes and their arguments, by the table of `pickletools`.

`pickletools.genops` would do nearly the same, but it converts decimal texts of any length, which
takes quadratic time.
"""

from __future__ import annotations

import io
import pickletools
from typing import TYPE_CHECKING, Any

from .._errors import RefusedPickle

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

MAX_NUMBER_TEXT = 3000
"""Characters of a number that is written as text: enough for an integer of 1 KiB."""

NEWEST_PROTOCOL = 5
STOP = "STOP"


def instructions(data: bytes) -> Iterator[tuple[str, Any]]:
    """Yield (name of the opcode, argument), up to and with STOP. `RefusedPickle`, `ValueError` and
    others come from malformed ones.
    """
    stream = io.BytesIO(data)
    name = ""
    while name != STOP:
        entry = _OPCODES.get(stream.read(1))
        if entry is None:
            raise RefusedPickle("truncated or malformed pickle: no opcode where one should be")
        name, read = entry
        yield name, None if read is None else read(stream)
    if stream.read(1):
        raise RefusedPickle("malformed pickle: there is more after its end")


def _number_text(stream: io.BytesIO) -> bytes:
    line = stream.readline(MAX_NUMBER_TEXT)
    if not line.endswith(b"\n"):
        raise RefusedPickle(f"a number of more than {MAX_NUMBER_TEXT} characters, or a cut one")
    return line[:-1]


def _short_number(stream: io.BytesIO) -> int | bool:
    text = _number_text(stream)
    return text == b"01" if text in (b"00", b"01") else int(text)


def _frame(stream: io.BytesIO) -> None:
    if int.from_bytes(stream.read(8), "little") > stream.getbuffer().nbytes - stream.tell():
        raise RefusedPickle("truncated pickle")


def _protocol(stream: io.BytesIO) -> None:
    if stream.read(1) > bytes([NEWEST_PROTOCOL]):
        raise RefusedPickle(f"a pickle protocol newer than {NEWEST_PROTOCOL}")


_OWN_READERS: dict[str, Callable[[io.BytesIO], Any]] = {
    "decimalnl_short": _short_number,
    "decimalnl_long": lambda stream: int(_number_text(stream).removesuffix(b"L")),
    "floatnl": lambda stream: float(_number_text(stream)),
}
_OWN_OPCODES = {"FRAME": _frame, "PROTO": _protocol}


def _reader(opcode: pickletools.OpcodeInfo) -> Callable[[io.BytesIO], Any] | None:
    if opcode.name in _OWN_OPCODES:
        return _OWN_OPCODES[opcode.name]
    if opcode.arg is None:
        return None
    return _OWN_READERS.get(opcode.arg.name, opcode.arg.reader)


_OPCODES = {
    opcode.code.encode("latin-1"): (opcode.name, _reader(opcode)) for opcode in pickletools.opcodes
}

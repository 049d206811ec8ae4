"""The stack machine that makes a value from opcodes, whose names and arguments are those of
`pickletools`.

Naming a class pushes a `Name`, not the class: what happens with it is up to the caller's `Lookup`.
"""

from __future__ import annotations

import io
import pickletools
import re
import struct
from collections.abc import Callable
from typing import Any, TypeVar

from .._errors import RefusedPickle
from ._budget import ENTRY_BYTES, ITEM_BYTES, OBJECT_BYTES, Budget, Name, PickleLimits

MAX_NUMBER_TEXT = 3000
"""Characters of a number that is written as text: enough for an integer of 1 KiB."""

NEWEST_PROTOCOL = 5

_ESCAPE = re.compile(rb"\\([4-7][0-7]{2}|.?)", re.DOTALL)
_ESCAPES = {bytes([each]) for each in b"\n\\'\"abfnrtvx01234567"}
"""What may stand after a backslash (see `codecs.escape_decode`): no octal number above 377."""

Builder = Callable[..., object]
"""Makes an object or plain data of arguments; raises anything when they are wrong."""

Lookup = Callable[[str, str], Builder | None]
"""From a module and a name to what makes objects of it; None when it is not allowed."""


_MARK = object()
"""Stands on the stack where a container's items begin."""

_T = TypeVar("_T")


def load(data: bytes, limits: PickleLimits, names: Lookup | None = None) -> Any:
    """Return the value of a pickle; `RefusedPickle` if it is malformed, too large or forbidden."""
    budget = Budget(limits, len(data))
    try:
        value = _Machine(data, budget, names).run(limits.opcodes)
    except (ValueError, TypeError, IndexError, KeyError, struct.error, OverflowError) as exc:
        raise RefusedPickle("malformed pickle") from exc
    budget.walk(value)
    return value


class _Source(io.BytesIO):
    """A pickle in which lines of text hold nothing that would do harm when they are read.

    The text of a number is bounded: converting it takes quadratic time. At escapes that mean
    nothing, Python issues a warning, in a process that may end with it.
    """

    def readline(self, size: int | None = -1, /) -> bytes:
        before = self.getbuffer()[self.tell() - 1]  # the opcode, or the end of its first line
        if before in b"FILgp":
            return super().readline(MAX_NUMBER_TEXT)
        line = super().readline(size)
        if before not in b"V" and not _ESCAPES.issuperset(_ESCAPE.findall(line)):
            raise RefusedPickle("malformed pickle: an escape that means nothing")
        return line


class _Machine:
    """Reads one pickle."""

    def __init__(self, data: bytes, budget: Budget, names: Lookup | None) -> None:
        self._source = _Source(data)
        self._size = len(data)
        self._budget = budget
        self._names = names
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}  # a dict, so that a large index costs nothing

    def run(self, most: int) -> object:
        for opcode, argument, _ in pickletools.genops(self._source):
            most -= 1
            if most < 0:
                raise RefusedPickle("pickle of too many opcodes")
            handler = _HANDLERS.get(opcode.name)
            if handler is None:
                raise RefusedPickle(
                    f"the pickle has the opcode {opcode.name}, and only plain data is read"
                )
            handler(self, argument)
        if self._source.read(1):
            raise RefusedPickle("malformed pickle: there is more after its end")
        if len(self._stack) != 1:
            raise RefusedPickle("malformed pickle: not one value")
        return self.pop()

    def protocol(self, number: int) -> None:
        if number > NEWEST_PROTOCOL:
            raise RefusedPickle(f"a pickle protocol newer than {NEWEST_PROTOCOL}")

    def frame(self, size: int) -> None:
        if size > self._size:
            raise RefusedPickle("truncated pickle")

    # Stack

    def push(self, value: object) -> None:
        self._stack.append(value)

    def made(self, value: object) -> None:
        self._stack.append(self._budget.made(value))

    def pop(self) -> object:
        value = self._stack.pop()
        if value is _MARK:
            raise RefusedPickle("malformed pickle: a mark where a value should be")
        return value

    def pop_mark(self) -> list[object]:
        stack = self._stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise RefusedPickle("malformed pickle: no mark")
        items = stack[at + 1 :]
        del stack[at:]
        return items

    def pop_some(self, count: int) -> list[object]:
        return [self.pop() for _ in range(count)][::-1]

    def _top(self, kind: type[_T]) -> _T:
        value = self._stack[-1]
        if not isinstance(value, kind):
            raise RefusedPickle("malformed pickle: an item for something that takes none")
        return value

    # Containers

    def extend(self, items: list[object]) -> None:
        self._budget.take(ITEM_BYTES * len(items))
        self._top(list).extend(items)

    def put_pairs(self, items: list[object]) -> None:
        target = self._top(dict)
        if len(items) % 2:
            raise RefusedPickle("malformed pickle: a key without a value")
        for at in range(0, len(items), 2):
            target[self._budget.key(items[at])] = items[at + 1]

    def dict_of(self, items: list[object]) -> None:
        self.made({})
        self.put_pairs(items)

    def add_items(self, items: list[object]) -> None:
        target = self._top(set)
        for item in items:
            target.add(self._budget.key(item))

    def frozen(self, items: list[object]) -> None:
        self.made(frozenset([self._budget.key(item) for item in items]))

    # Memo: what was read once and comes again

    def put(self, index: int) -> None:
        value = self._stack[-1]
        if value is _MARK or index < 0:
            raise RefusedPickle("malformed pickle: no value for the memo")
        self._budget.take(ENTRY_BYTES)
        self._memo[index] = value

    # Opcodes that name something: refused, unless the caller knows names

    def name(self, module: object, name: object) -> None:
        if not (isinstance(name, str) and isinstance(module, str)):
            raise RefusedPickle("malformed pickle: a name that is not text")
        shown = f"{module[:60]}.{name[:60]}"
        if self._names is None:
            raise RefusedPickle(f"the pickle names {shown}, and a server reads plain data only")
        builder = self._names(module, name)
        if builder is None:
            raise RefusedPickle(f"the pickle names {shown}, which is not allowed here")
        self._budget.take(OBJECT_BYTES)
        self._stack.append(Name(shown, builder))

    def build(self, named: object, args: object, kwargs: object = None) -> None:
        if kwargs:
            raise RefusedPickle("the pickle gives keyword arguments to a class")
        if not isinstance(named, Name) or not isinstance(args, tuple):
            raise RefusedPickle("the pickle calls something that it did not name")
        if not named.text.endswith("._reconstructor"):  # it takes names, and keeps none
            self._budget.walk(args)
        self._budget.take(OBJECT_BYTES)
        try:
            if named.build in (set, frozenset):
                args = [[self._budget.key(item) for item in items] for items in args]
            self._stack.append(named.build(*args))
        except RefusedPickle:
            raise
        except Exception as exc:
            raise RefusedPickle(f"the pickle has no good arguments for {named.text}") from exc

    def set_state(self) -> None:
        """Set attributes of an object that a builder has made; those of exceptions are left out."""
        state, made = self.pop(), self._stack[-1]
        attributes = {} if isinstance(made, BaseException) else getattr(made, "__dict__", None)
        if attributes is None or not isinstance(state, dict):
            raise RefusedPickle("the pickle gives a state to something that takes none")
        if not all(isinstance(name, str) and name.isidentifier() for name in state):
            raise RefusedPickle("the pickle has a state that is not a set of attributes")
        self._budget.take(ENTRY_BYTES * len(state))
        attributes.update(state)


_LITERALS = (
    *("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)

_HANDLERS: dict[str, Callable[[_Machine, Any], object]] = {
    **dict.fromkeys(_LITERALS, _Machine.made),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, index: m.push(m._memo[index])),
    "STOP": lambda _m, _: None,
    "FRAME": _Machine.frame,
    "MEMOIZE": lambda m, _: m.put(len(m._memo)),
    "PROTO": _Machine.protocol,
    "NONE": lambda m, _: m.push(None),
    "NEWTRUE": lambda m, _: m.push(True),
    "NEWFALSE": lambda m, _: m.push(False),
    "MARK": lambda m, _: m.push(_MARK),
    "POP": lambda m, _: m._stack.pop(),
    "POP_MARK": lambda m, _: m.pop_mark(),
    "DUP": lambda m, _: m.push(m._stack[-1]),
    "EMPTY_TUPLE": lambda m, _: m.push(()),
    "TUPLE": lambda m, _: m.made(tuple(m.pop_mark())),
    "TUPLE1": lambda m, _: m.made(tuple(m.pop_some(1))),
    "TUPLE2": lambda m, _: m.made(tuple(m.pop_some(2))),
    "TUPLE3": lambda m, _: m.made(tuple(m.pop_some(3))),
    "EMPTY_LIST": lambda m, _: m.made([]),
    "LIST": lambda m, _: m.made(m.pop_mark()),
    "APPEND": lambda m, _: m.extend(m.pop_some(1)),
    "APPENDS": lambda m, _: m.extend(m.pop_mark()),
    "EMPTY_DICT": lambda m, _: m.made({}),
    "DICT": lambda m, _: m.dict_of(m.pop_mark()),
    "SETITEM": lambda m, _: m.put_pairs(m.pop_some(2)),
    "SETITEMS": lambda m, _: m.put_pairs(m.pop_mark()),
    "EMPTY_SET": lambda m, _: m.made(set()),
    "ADDITEMS": lambda m, _: m.add_items(m.pop_mark()),
    "FROZENSET": lambda m, _: m.frozen(m.pop_mark()),
    "GLOBAL": lambda m, named: m.name(*named.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.name(*m.pop_some(2)),
    "REDUCE": lambda m, _: m.build(*m.pop_some(2)),
    "NEWOBJ": lambda m, _: m.build(*m.pop_some(2)),
    "NEWOBJ_EX": lambda m, _: m.build(*m.pop_some(3)),
    "BUILD": lambda m, _: m.set_state(),
}

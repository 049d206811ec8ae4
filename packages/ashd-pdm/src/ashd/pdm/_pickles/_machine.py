"""The stack machine that makes a value from opcodes. The names of the opcodes are those of
`pickletools`.

Naming a class pushes a `Name`, not the class: what happens with it is up to the functions in
the caller's table.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from .._errors import RefusedPickle
from ._budget import ENTRY_BYTES, ITEM_BYTES, OBJECT_BYTES, Budget, PickleLimits
from ._grammar import STOP, instructions

Builder = Callable[..., Any]
Names = Mapping[tuple[str, str], Builder]
"""From (module, name) to a function that takes the arguments and returns a value, `Built` or
`Collection`. It raises anything when the arguments are wrong.
"""


@dataclass(frozen=True, slots=True)
class Name:
    """A global as it stands in the pickle. It never gets out of here."""

    module: str
    name: str
    is_name: ClassVar[bool] = True

    def __str__(self) -> str:
        return f"{self.module[:60]}.{self.name[:60]}"


@dataclass(frozen=True, slots=True)
class Built:
    """A value that a builder has made and that takes a state (the opcode BUILD)."""

    value: Any
    update: Callable[[Mapping[str, Any]], None]


@dataclass(frozen=True, slots=True)
class Collection:
    """A set that a builder wants to be made; its items are counted first."""

    kind: Callable[[Iterable[Any]], Any]
    items: Iterable[Any]


_MARK = object()


def load(data: bytes, limits: PickleLimits, names: Names | None = None) -> Any:
    """Return the value of a pickle. `RefusedPickle` for everything that is malformed, too large or
    not allowed; nothing of it has run then.
    """
    budget = Budget(limits, len(data))
    try:
        value = _Machine(budget, names).run(data, limits.opcodes)
    except RefusedPickle:
        raise
    except (ValueError, TypeError, IndexError, KeyError, struct.error, OverflowError) as exc:
        raise RefusedPickle("malformed pickle") from exc
    budget.walk(value)
    return value


class _Machine:
    """Reads one pickle."""

    def __init__(self, budget: Budget, names: Names | None) -> None:
        self._budget = budget
        self._names = names
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}  # a dict, so that a large index costs nothing

    def run(self, data: bytes, most: int) -> Any:
        for name, argument in instructions(data):
            most -= 1
            if most < 0:
                raise RefusedPickle("pickle of too many opcodes")
            handler = _HANDLERS.get(name)
            if handler is not None:
                handler(self, argument)
            elif name != STOP:
                raise RefusedPickle(
                    f"the pickle has the opcode {name}, and only plain data is read"
                )
        if len(self._stack) != 1:
            raise RefusedPickle("malformed pickle: not one value")
        return self._pop()

    # Stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _made(self, value: Any) -> None:
        self._stack.append(self._budget.made(value))

    def _pop(self) -> Any:
        value = self._stack.pop()
        if value is _MARK:
            raise RefusedPickle("malformed pickle: a mark where a value should be")
        return value.value if isinstance(value, Built) else value

    def _top(self, kind: type) -> Any:
        value = self._stack[-1]
        if not isinstance(value, kind):
            raise RefusedPickle("malformed pickle: an item for something that takes none")
        return value

    def _pop_mark(self) -> list[Any]:
        stack = self._stack
        at = len(stack) - 1
        while stack[at] is not _MARK:
            at -= 1
            if at < 0:
                raise RefusedPickle("malformed pickle: no mark")
        items = [item.value if isinstance(item, Built) else item for item in stack[at + 1 :]]
        del stack[at:]
        return items

    # Containers

    def short_tuple(self, size: int) -> None:
        items = [self._pop() for _ in range(size)]
        self._made(tuple(reversed(items)))

    def extend(self, items: list[Any]) -> None:
        self._budget.take(ITEM_BYTES * len(items))
        self._top(list).extend(items)

    def put_pairs(self, items: list[Any]) -> None:
        target = self._top(dict)
        if len(items) % 2:
            raise RefusedPickle("malformed pickle: a key without a value")
        for at in range(0, len(items), 2):
            target[self._budget.key(items[at])] = items[at + 1]

    def add_items(self, items: list[Any]) -> None:
        target = self._top(set)
        for item in items:
            target.add(self._budget.key(item))

    def frozen(self) -> None:
        self._made(frozenset([self._budget.key(item) for item in self._pop_mark()]))

    def dict_of_mark(self) -> None:
        items = self._pop_mark()
        self._made({})
        self.put_pairs(items)

    # Memo: what was read once and comes again

    def put(self, index: int) -> None:
        value = self._stack[-1]
        if value is _MARK or index < 0:
            raise RefusedPickle("malformed pickle: no value for the memo")
        self._budget.take(ENTRY_BYTES)
        self._memo[index] = value

    # Opcodes that name something: refused, unless there is a table of names

    def name(self, module: Any, name: Any) -> None:
        if not (isinstance(name, str) and isinstance(module, str)):
            raise RefusedPickle("malformed pickle: a name that is not text")
        named = Name(module, name)
        if self._names is None:
            raise RefusedPickle(f"the pickle names {named}, and a server reads plain data only")
        if (module, name) not in self._names:
            raise RefusedPickle(f"the pickle names {named}, which is not allowed here")
        self._budget.take(OBJECT_BYTES)
        self._push(named)

    def stack_name(self) -> None:
        name, module = self._pop(), self._pop()
        self.name(module, name)

    def build(self, named: Any, args: Any) -> None:
        if self._names is None or not isinstance(named, Name) or not isinstance(args, tuple):
            raise RefusedPickle("the pickle calls something that it did not name")
        if named.name != "_reconstructor":  # whose arguments are names, and which keeps none
            self._budget.walk(args)
        self._budget.take(OBJECT_BYTES)
        try:
            value = self._names[named.module, named.name](*args)
            if isinstance(value, Collection):
                value = value.kind([self._budget.key(item) for item in value.items])
        except RefusedPickle:
            raise
        except Exception as exc:
            raise RefusedPickle(f"the pickle has no good arguments for {named}") from exc
        self._push(value)

    def reduce(self) -> None:
        args, named = self._pop(), self._pop()
        self.build(named, args)

    def new_with_keywords(self) -> None:
        kwargs, args, named = self._pop(), self._pop(), self._pop()
        if kwargs != {}:
            raise RefusedPickle("the pickle gives keyword arguments to a class")
        self.build(named, args)

    def set_state(self) -> None:
        state = self._pop()
        built = self._stack[-1] if self._stack else None
        if not isinstance(built, Built) or not isinstance(state, dict):
            raise RefusedPickle("the pickle gives a state to something that takes none")
        if not all(isinstance(name, str) and name.isidentifier() for name in state):
            raise RefusedPickle("the pickle has a state that is not a set of attributes")
        self._budget.take(ENTRY_BYTES * len(state))
        built.update(state)


_Handler = Callable[[_Machine, Any], Any]

_LITERALS = (
    *("INT", "LONG", "BININT", "BININT1", "BININT2", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
    *("STRING", "BINSTRING", "SHORT_BINSTRING", "UNICODE", "BINUNICODE", "SHORT_BINUNICODE"),
    *("BINUNICODE8", "BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
)

_HANDLERS: dict[str, _Handler] = {
    **dict.fromkeys(_LITERALS, lambda m, argument: m._made(argument)),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), lambda m, index: m.put(index)),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), lambda m, index: m._push(m._memo[index])),
    "MEMOIZE": lambda m, _: m.put(len(m._memo)),
    "PROTO": lambda _m, _: None,
    "FRAME": lambda _m, _: None,
    "NONE": lambda m, _: m._push(None),
    "NEWTRUE": lambda m, _: m._push(True),
    "NEWFALSE": lambda m, _: m._push(False),
    "MARK": lambda m, _: m._push(_MARK),
    "POP": lambda m, _: m._stack.pop(),
    "POP_MARK": lambda m, _: m._pop_mark(),
    "DUP": lambda m, _: m._push(m._stack[-1]),
    "EMPTY_TUPLE": lambda m, _: m._push(()),
    "TUPLE": lambda m, _: m._made(tuple(m._pop_mark())),
    "TUPLE1": lambda m, _: m.short_tuple(1),
    "TUPLE2": lambda m, _: m.short_tuple(2),
    "TUPLE3": lambda m, _: m.short_tuple(3),
    "EMPTY_LIST": lambda m, _: m._made([]),
    "LIST": lambda m, _: m._made(m._pop_mark()),
    "APPEND": lambda m, _: m.extend([m._pop()]),
    "APPENDS": lambda m, _: m.extend(m._pop_mark()),
    "EMPTY_DICT": lambda m, _: m._made({}),
    "DICT": lambda m, _: m.dict_of_mark(),
    "SETITEM": lambda m, _: m.put_pairs([m._pop(), m._pop()][::-1]),
    "SETITEMS": lambda m, _: m.put_pairs(m._pop_mark()),
    "EMPTY_SET": lambda m, _: m._made(set()),
    "ADDITEMS": lambda m, _: m.add_items(m._pop_mark()),
    "FROZENSET": lambda m, _: m.frozen(),
    "GLOBAL": lambda m, named: m.name(*named.split(" ", 1)),
    "STACK_GLOBAL": lambda m, _: m.stack_name(),
    "REDUCE": lambda m, _: m.reduce(),
    "NEWOBJ": lambda m, _: m.reduce(),
    "NEWOBJ_EX": lambda m, _: m.new_with_keywords(),
    "BUILD": lambda m, _: m.set_state(),
}

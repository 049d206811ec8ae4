"""Reads pickles from people who are not trusted: plain data, and nothing else, unless a table of
names says so.

`pickle.Unpickler` with its own `find_class` is not enough: extension codes get past it, BUILD sets
attributes of classes, a memo index makes it allocate gigabytes, a tuple that holds itself twice, 50
levels deep, takes for ever to hash, and one that is nested a million deep ends the process when it
is hashed. So this is a machine of its own, with the opcodes that plain data needs (all protocols)
and, for a client, those that name a class. Naming one pushes a `Name`, which is no class: what
happens with it is up to the functions in the caller's table.

A `Reader` is used once, in one thread; it touches nothing but its own data.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ashd.pdm._errors import RefusedPickle

if TYPE_CHECKING:
    from ashd.pdm._limits import PickleLimits

Builder = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Name:
    """A global as it stands in the pickle. It never gets out of the reader."""

    module: str
    name: str

    def __str__(self) -> str:
        return f"{self.module[:60]}.{self.name[:60]}"


class Built:
    """A value that a builder has made and that takes a state (the opcode BUILD)."""

    __slots__ = ("update", "value")

    def __init__(self, value: Any, update: Callable[[Mapping[str, Any]], None]) -> None:
        self.value = value
        self.update = update


_MARK = object()


class Reader:
    """One pickle. `names` maps (module, name) to a function that gets the arguments and returns a
    value or `Built`.
    """

    def __init__(
        self,
        data: bytes,
        limits: PickleLimits,
        names: Mapping[tuple[str, str], Builder] | None = None,
    ) -> None:
        self._data = data
        self._at = 0
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}
        self._limits = limits
        self._names = names
        self._keys = 0

    def load(self) -> Any:
        """Return the value. `RefusedPickle` for all that is malformed, too large or not allowed."""
        try:
            value = self._run()
        except RefusedPickle:
            raise
        except (ValueError, TypeError, IndexError, KeyError, struct.error, OverflowError) as exc:
            raise RefusedPickle("malformed pickle") from exc
        self._check(value, self._limits.nodes)
        return value

    def _run(self) -> Any:
        for _ in range(self._limits.opcodes):
            code = self._take(1)[0]
            if code == _STOP:
                return self._last()
            handler = _OPCODES.get(code)
            if handler is None:
                raise RefusedPickle(_why_not(code))
            handler(self)
        raise RefusedPickle(f"pickle of more than {self._limits.opcodes} opcodes")

    def _last(self) -> Any:
        if len(self._stack) != 1 or self._at != len(self._data):
            raise RefusedPickle("malformed pickle: not one value")
        return self._pop()

    # Input

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if size < 0 or end > len(self._data):
            raise RefusedPickle("truncated pickle")
        piece = self._data[self._at : end]
        self._at = end
        return piece

    def _line(self) -> bytes:
        end = self._data.find(b"\n", self._at)
        if end < 0:
            raise RefusedPickle("truncated pickle")
        line = self._data[self._at : end]
        self._at = end + 1
        return line

    def _number(self, form: str) -> Any:
        packed = struct.Struct(form)
        return packed.unpack(self._take(packed.size))[0]

    # Stack

    def _push(self, value: Any) -> None:
        self._stack.append(value)

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

    # Checks

    def _check(self, value: Any, most: int, *, key: bool = False) -> None:
        """Walk through `value`, and count what is shared each time; so cycles end at the depth
        limit.
        """
        todo = [(value, 0)]
        seen = 0
        while todo:
            item, depth = todo.pop()
            seen += 1
            if isinstance(item, str | bytes | bytearray):
                seen += len(item) >> 10
            elif isinstance(item, Name):
                raise RefusedPickle(f"the pickle holds {item} itself, which is not plain data")
            else:
                inner = _items(item)
                if inner and depth >= self._limits.depth:
                    raise RefusedPickle(f"nested more than {self._limits.depth} deep")
                todo.extend((child, depth + 1) for child in inner)
            if seen + len(todo) > most:
                raise RefusedPickle("a key is too large" if key else "the value is too large")

    def _key(self, value: Any) -> Any:
        self._keys += 1
        if self._keys > self._limits.keys:
            raise RefusedPickle(f"more than {self._limits.keys} keys in dicts and sets")
        if isinstance(value, tuple | frozenset):
            self._check(value, self._limits.key_nodes, key=True)
        return value

    def _pairs(self, target: dict[Any, Any], items: list[Any]) -> None:
        if len(items) % 2:
            raise RefusedPickle("malformed pickle: a key without a value")
        for at in range(0, len(items), 2):
            target[self._key(items[at])] = items[at + 1]

    # Opcodes of plain data. The names are those of the module pickletools.

    def op_proto(self) -> None:
        if self._take(1)[0] > 5:
            raise RefusedPickle("a pickle protocol newer than 5")

    def op_frame(self) -> None:
        if self._number("<Q") > len(self._data) - self._at:
            raise RefusedPickle("truncated pickle")

    def op_mark(self) -> None:
        self._push(_MARK)

    def op_pop(self) -> None:
        self._stack.pop()

    def op_pop_mark(self) -> None:
        self._pop_mark()

    def op_dup(self) -> None:
        self._push(self._stack[-1])

    def op_int(self) -> None:
        line = self._line()
        self._push({b"00": False, b"01": True}[line] if line in (b"00", b"01") else int(line))

    def op_long(self) -> None:
        self._push(int(self._line().removesuffix(b"L")))

    def op_long1(self) -> None:
        self._push(int.from_bytes(self._take(self._take(1)[0]), "little", signed=True))

    def op_long4(self) -> None:
        self._push(int.from_bytes(self._take(self._number("<i")), "little", signed=True))

    def op_float(self) -> None:
        self._push(float(self._line()))

    def op_string(self) -> None:
        text = self._line().strip()
        if len(text) < 2 or text[:1] != text[-1:] or text[:1] not in (b'"', b"'"):
            raise RefusedPickle("malformed pickle: a string without quotes")
        self._push(text[1:-1].decode("unicode_escape").encode("latin-1").decode("ascii"))

    def op_unicode(self) -> None:
        self._push(self._line().decode("raw-unicode-escape"))

    def op_empty_tuple(self) -> None:
        self._push(())

    def op_tuple(self) -> None:
        self._push(tuple(self._pop_mark()))

    def op_empty_list(self) -> None:
        self._push([])

    def op_list(self) -> None:
        self._push(self._pop_mark())

    def op_append(self) -> None:
        value = self._pop()
        self._top(list).append(value)

    def op_appends(self) -> None:
        items = self._pop_mark()
        self._top(list).extend(items)

    def op_empty_dict(self) -> None:
        self._push({})

    def op_dict(self) -> None:
        fresh: dict[Any, Any] = {}
        self._pairs(fresh, self._pop_mark())
        self._push(fresh)

    def op_setitem(self) -> None:
        value, key = self._pop(), self._pop()
        self._top(dict)[self._key(key)] = value

    def op_setitems(self) -> None:
        items = self._pop_mark()
        self._pairs(self._top(dict), items)

    def op_empty_set(self) -> None:
        self._push(set())

    def op_additems(self) -> None:
        items = self._pop_mark()
        target = self._top(set)
        for item in items:
            target.add(self._key(item))

    def op_frozenset(self) -> None:
        self._push(frozenset([self._key(item) for item in self._pop_mark()]))

    # Memo: what was read once and comes again. A dict, so that a large index costs nothing.

    def _put(self, index: int) -> None:
        value = self._stack[-1]
        if value is _MARK or index < 0:
            raise RefusedPickle("malformed pickle: no value for the memo")
        self._memo[index] = value

    def op_memoize(self) -> None:
        self._put(len(self._memo))

    def op_put(self) -> None:
        self._put(int(self._line()))

    def op_get(self) -> None:
        self._push(self._memo[int(self._line())])

    # Opcodes that name something: refused, unless there is a table of names.

    def _global(self, module: Any, name: Any) -> None:
        named = Name(str(module), str(name))
        if self._names is None:
            raise RefusedPickle(f"the pickle names {named}, and a server reads plain data only")
        if (named.module, named.name) not in self._names:
            raise RefusedPickle(f"the pickle names {named}, which is not allowed here")
        self._push(named)

    def op_global(self) -> None:
        self._global(self._line().decode(), self._line().decode())

    def op_stack_global(self) -> None:
        name, module = self._pop(), self._pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise RefusedPickle("malformed pickle: a name that is no text")
        self._global(module, name)

    def _build(self, named: Any, args: Any) -> None:
        if self._names is None or not isinstance(named, Name) or not isinstance(args, tuple):
            raise RefusedPickle("the pickle calls something that it did not name")
        if named.name != "_reconstructor":  # whose arguments are names, and which keeps none
            self._check(args, self._limits.nodes)
        try:
            self._push(self._names[named.module, named.name](*args))
        except Exception as exc:
            raise RefusedPickle(f"the pickle has no good arguments for {named}") from exc

    def op_reduce(self) -> None:
        args, named = self._pop(), self._pop()
        self._build(named, args)

    def op_newobj_ex(self) -> None:
        kwargs, args, named = self._pop(), self._pop(), self._pop()
        if kwargs != {}:
            raise RefusedPickle("the pickle gives keyword arguments to a class")
        self._build(named, args)

    def op_build(self) -> None:
        state = self._pop()
        built = self._stack[-1] if self._stack else None
        if not isinstance(built, Built) or not isinstance(state, dict):
            raise RefusedPickle("the pickle gives a state to something that takes none")
        if not all(isinstance(name, str) and name.isidentifier() for name in state):
            raise RefusedPickle("the pickle has a state that is no set of attributes")
        self._check(state, self._limits.nodes)
        built.update(state)


def _items(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value.keys(), *value.values()]
    if isinstance(value, tuple | list | set | frozenset):
        return list(value)
    return []


def _constant(value: Any) -> Callable[[Reader], None]:
    return lambda reader: reader._push(value)


def _fixed(form: str) -> Callable[[Reader], None]:
    return lambda reader: reader._push(reader._number(form))


def _text(form: str, encoding: str) -> Callable[[Reader], None]:
    def op(reader: Reader) -> None:
        # As pickle itself: lone surrogates may be in a str
        reader._push(reader._take(reader._number(form)).decode(encoding, _ERRORS[encoding]))

    return op


def _binary(form: str, kind: type[bytes | bytearray]) -> Callable[[Reader], None]:
    return lambda reader: reader._push(kind(reader._take(reader._number(form))))


def _short_tuple(size: int) -> Callable[[Reader], None]:
    def op(reader: Reader) -> None:
        items = [reader._pop() for _ in range(size)]
        reader._push(tuple(reversed(items)))

    return op


def _memo_put(form: str) -> Callable[[Reader], None]:
    return lambda reader: reader._put(reader._number(form))


def _memo_get(form: str) -> Callable[[Reader], None]:
    return lambda reader: reader._push(reader._memo[reader._number(form)])


_STOP = ord(".")
_ERRORS = {"utf-8": "surrogatepass", "ascii": "strict"}
_OPCODES: dict[int, Callable[[Reader], None]] = {
    0x80: Reader.op_proto,
    0x95: Reader.op_frame,
    ord("("): Reader.op_mark,
    ord("0"): Reader.op_pop,
    ord("1"): Reader.op_pop_mark,
    ord("2"): Reader.op_dup,
    ord("N"): _constant(None),
    0x88: _constant(True),
    0x89: _constant(False),
    ord("I"): Reader.op_int,
    ord("L"): Reader.op_long,
    ord("J"): _fixed("<i"),
    ord("K"): _fixed("<B"),
    ord("M"): _fixed("<H"),
    0x8A: Reader.op_long1,
    0x8B: Reader.op_long4,
    ord("F"): Reader.op_float,
    ord("G"): _fixed(">d"),
    ord("S"): Reader.op_string,
    ord("T"): _text("<i", "ascii"),
    ord("U"): _text("<B", "ascii"),
    ord("V"): Reader.op_unicode,
    ord("X"): _text("<I", "utf-8"),
    0x8C: _text("<B", "utf-8"),
    0x8D: _text("<Q", "utf-8"),
    ord("B"): _binary("<I", bytes),
    ord("C"): _binary("<B", bytes),
    0x8E: _binary("<Q", bytes),
    0x96: _binary("<Q", bytearray),
    ord(")"): Reader.op_empty_tuple,
    0x85: _short_tuple(1),
    0x86: _short_tuple(2),
    0x87: _short_tuple(3),
    ord("t"): Reader.op_tuple,
    ord("]"): Reader.op_empty_list,
    ord("l"): Reader.op_list,
    ord("a"): Reader.op_append,
    ord("e"): Reader.op_appends,
    ord("}"): Reader.op_empty_dict,
    ord("d"): Reader.op_dict,
    ord("s"): Reader.op_setitem,
    ord("u"): Reader.op_setitems,
    0x8F: Reader.op_empty_set,
    0x90: Reader.op_additems,
    0x91: Reader.op_frozenset,
    0x94: Reader.op_memoize,
    ord("p"): Reader.op_put,
    ord("q"): _memo_put("<B"),
    ord("r"): _memo_put("<I"),
    ord("g"): Reader.op_get,
    ord("h"): _memo_get("<B"),
    ord("j"): _memo_get("<I"),
    ord("c"): Reader.op_global,
    0x93: Reader.op_stack_global,
    ord("R"): Reader.op_reduce,
    0x81: Reader.op_reduce,
    0x92: Reader.op_newobj_ex,
    ord("b"): Reader.op_build,
}

_NAMING = {ord("i"), ord("o"), 0x82, 0x83, 0x84, ord("P"), ord("Q")}


def _why_not(code: int) -> str:
    if code in _NAMING:
        return "the pickle names a class or an object, and only plain data is read"
    return f"the pickle has the opcode {code:#04x}, which plain data doesn't need"

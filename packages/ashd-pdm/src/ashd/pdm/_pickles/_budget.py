"""What a pickle may cost its reader. All that is built is counted, when it is built."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from .._errors import RefusedPickle

MAX_INT_BITS = 8192
"""Bits of an integer; its text stays below the 4300 digits that Python converts."""

KEY_BITS = 64
"""Bits of an integer that may be a key as often as any text. Larger ones are counted as tuples are:
they can be made to collide.
"""

OBJECT_WEIGHT = 16
"""What an object counts in the size of a value: its text is that long at least."""

ITEM_BYTES = 16
ENTRY_BYTES = 128
OBJECT_BYTES = 512
"""What an item of a list, an entry of a dict, a set or the memo, and an object take at most."""


@dataclass(frozen=True, slots=True)
class PickleLimits:
    """What a pickle may cost its reader.

    - `opcodes` bounds the time to read it.
    - `memory` bounds the bytes of all objects that are made.
    - `shared` bounds the size of the value when everything that is shared is counted each time, as
      `repr` and a hash do: it may be that much more than the message itself has bytes.
    - `depth` bounds the nesting (hashing a tuple recurses in C, which has no bound of its own).
    - `keys` bounds the entries of dicts and sets.
    - `key_nodes` bounds the parts of all keys that can be made to collide, which costs quadratic
      time: tuples, frozensets, large integers.
    """

    opcodes: int
    memory: int
    shared: int
    depth: int
    keys: int
    key_nodes: int


@dataclass(frozen=True, slots=True)
class Name:
    """A global that the pickle names, and what makes objects of it. It never gets out of here."""

    text: str
    build: Callable[..., object]


class Budget:
    """What is left of the limits for one pickle of `size` bytes."""

    def __init__(self, limits: PickleLimits, size: int) -> None:
        self._depth = limits.depth
        self._memory = limits.memory
        self._walk = 2 * size + limits.shared
        self._keys = limits.keys
        self._key_nodes = limits.key_nodes

    def take(self, size: int) -> None:
        """Count bytes of memory."""
        self._memory -= size
        if self._memory < 0:
            raise RefusedPickle("the value takes too much memory")

    def made(self, value: object) -> object:
        """Count a fresh value, and return it."""
        if isinstance(value, int) and value.bit_length() > MAX_INT_BITS:
            raise RefusedPickle(f"an integer of more than {MAX_INT_BITS} bits")
        self.take(sys.getsizeof(value))
        return value

    def key(self, value: object) -> object:
        """Count an entry of a dict or set with that key, before it is hashed; return the key."""
        self.take(ENTRY_BYTES)
        self._keys -= 1
        if self._keys < 0:
            raise RefusedPickle("too many keys in dicts and sets")
        is_small = isinstance(value, int) and value.bit_length() <= KEY_BITS
        if not is_small and not isinstance(value, _SAFE_KEYS):
            self._key_nodes -= self._size(value, self._key_nodes, "keys that are tuples")
        return value

    def walk(self, value: object) -> None:
        """Count the size of a value, with what is shared in it each time."""
        self._walk -= self._size(value, self._walk, "the value")

    def _size(self, value: object, most: int, what: str) -> int:
        """Walk through `value`; a cycle ends at the limit of the depth."""
        size = 0
        path: list[Iterator[object]] = [iter((value,))]
        while path:
            for item in path[-1]:
                weight, inner = _parts(item)
                size += weight
                if size > most:
                    raise RefusedPickle(f"too large: {what}")
                if inner is not None:
                    if len(path) > self._depth:
                        raise RefusedPickle(f"nested more than {self._depth} deep")
                    path.append(iter(inner))
                    break
            else:
                path.pop()
        return size


_SAFE_KEYS = (str, bytes, float, type(None))
_TEXTS = (str, bytes, bytearray)
_OTHER_ATOMS = (float, complex, type(None))
_COLLECTIONS = (list, tuple, set, frozenset)


def _parts(item: object) -> tuple[int, Iterable[object] | None]:
    """Return what `item` counts itself, and what is in it."""
    if isinstance(item, _TEXTS):
        return 1 + len(item), None
    if isinstance(item, int):
        return 1 + (item.bit_length() >> 3), None
    if isinstance(item, _COLLECTIONS):
        return 1, item or None
    if isinstance(item, _OTHER_ATOMS):
        return 1, None
    if isinstance(item, dict):
        return 1, chain(item, item.values()) if item else None
    if isinstance(item, Name):
        raise RefusedPickle(f"the pickle holds {item.text} itself, which is not plain data")
    return OBJECT_WEIGHT, chain(getattr(item, "args", ()), vars(item).values())

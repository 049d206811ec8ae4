"""What a pickle may cost its reader. All that is built is counted, when it is built."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Any

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

    def made(self, value: Any) -> Any:
        """Count a fresh value, and return it."""
        if type(value) is int and value.bit_length() > MAX_INT_BITS:
            raise RefusedPickle(f"an integer of more than {MAX_INT_BITS} bits")
        self.take(sys.getsizeof(value))
        return value

    def key(self, value: Any) -> Any:
        """Count an entry of a dict or set with that key, before it is hashed; return the key."""
        self.take(ENTRY_BYTES)
        self._keys -= 1
        if self._keys < 0:
            raise RefusedPickle("too many keys in dicts and sets")
        if type(value) not in _SAFE_KEYS and not _is_small(value):
            self._key_nodes -= self._size(value, self._key_nodes, "keys that are tuples")
        return value

    def walk(self, value: Any) -> None:
        """Count the size of a value, with what is shared in it each time."""
        self._walk -= self._size(value, self._walk, "the value")

    def _size(self, value: Any, most: int, what: str) -> int:
        """Walk through `value`; a cycle ends at the limit of the depth."""
        size = 0
        path: list[Iterator[Any]] = [iter((value,))]
        while path:
            for item in path[-1]:
                size += _weight(item)
                if size > most:
                    raise RefusedPickle(f"too large: {what}")
                inner = _inside(item)
                if inner is not None:
                    if len(path) > self._depth:
                        raise RefusedPickle(f"nested more than {self._depth} deep")
                    path.append(iter(inner))
                    break
            else:
                path.pop()
        return size


_SAFE_KEYS = {str, bytes, bool, type(None), float}


def _is_small(value: Any) -> bool:
    return type(value) is int and value.bit_length() <= KEY_BITS


def _weight(item: Any) -> int:
    kind = type(item)
    if kind is str or kind is bytes or kind is bytearray:
        return 1 + len(item)
    if kind is int:
        return 1 + int(item.bit_length() >> 3)
    return 1 if kind in _ATOMS or kind in _CONTAINERS else OBJECT_WEIGHT


def _inside(item: Any) -> Any:
    kind = type(item)
    if kind in _ATOMS:
        return None
    if kind is dict:
        return chain(item, item.values()) if item else None
    if kind in _CONTAINERS:
        return item or None
    if getattr(item, "is_name", False):
        raise RefusedPickle(f"the pickle holds {item} itself, which is not plain data")
    return chain(getattr(item, "args", ()), vars(item).values())


_ATOMS = {str, bytes, bytearray, int, float, bool, complex, type(None)}
_CONTAINERS = {list, tuple, set, frozenset, dict}

"""The names under which classes travel, and what a client makes of each name.

`WIRE_NAMES` (for writing) and `CLIENT_NAMES` (for reading) are filled by `wire_class`,
at import time. A name that is in neither table is never looked up: no module is imported because a
pickle says so, but for the exceptions in `_STDLIB`, whose modules are part of Python.
"""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any, TypeVar

from ._pickles import Builder, Built, Collection, Name

WIRE_NAMES: dict[type, str] = {}
_OWN: dict[tuple[str, str], Builder] = {}

_C = TypeVar("_C", bound=type)
_Table = Mapping[tuple[str, str], Builder]


def wire_class(name: str) -> Callable[[_C], _C]:
    """Decorate a class: its instances travel under the dotted `name`, with the attributes in their
    `__dict__`.

    A client makes an instance without calling `__init__`, and sets the attributes, which are plain
    data.
    """

    def register(cls: _C) -> _C:
        module, _, bare = name.rpartition(".")
        WIRE_NAMES[cls] = name
        _OWN[module, bare] = _exception(cls) if issubclass(cls, BaseException) else _instance(cls)
        return cls

    return register


def alias_class(name: str, cls: type) -> None:
    """Let a subclass travel under the name of a class that every client knows. It is written, never
    read.
    """
    WIRE_NAMES[cls] = name


def _instance(cls: type) -> Builder:
    def build(*_args: Any) -> Built:
        value: Any = object.__new__(cls)
        return Built(value, vars(value).update)

    return build


def _exception(cls: type[BaseException]) -> Builder:
    def build(*args: Any) -> Built:
        value = cls(*args)
        return Built(value, lambda _state: None)

    return build


# Exceptions of the standard library that are no builtins, by the name under which they are pickled.
_STDLIB = {
    "_pickle": (
        "PicklingError",
        "UnpicklingError",
    ),
    "pickle": (
        "PicklingError",
        "UnpicklingError",
    ),
    "_queue": ("Empty",),
    "queue": (
        "Empty",
        "Full",
    ),
    "struct": ("error",),
    "zlib": ("error",),
    "binascii": ("Error",),
    "json.decoder": ("JSONDecodeError",),
    "subprocess": (
        "SubprocessError",
        "CalledProcessError",
        "TimeoutExpired",
    ),
    "socket": (
        "gaierror",
        "herror",
    ),
    "ssl": ("SSLError",),
    "sqlite3": (
        "Error",
        "DatabaseError",
        "OperationalError",
        "IntegrityError",
        "ProgrammingError",
    ),
    "decimal": (
        "DecimalException",
        "InvalidOperation",
        "DivisionByZero",
    ),
    "configparser": ("Error",),
    "concurrent.futures._base": (
        "CancelledError",
        "Error",
    ),
    "asyncio.exceptions": (
        "InvalidStateError",
        "QueueFull",
        "IncompleteReadError",
    ),
    "http.client": (
        "HTTPException",
        "BadStatusLine",
    ),
    "urllib.error": ("URLError",),
    "email.errors": ("MessageError",),
    "xml.parsers.expat": ("ExpatError",),
    "zipfile": ("BadZipFile",),
    "tarfile": ("TarError",),
    "shutil": ("Error",),
    "io": ("UnsupportedOperation",),
    "re": ("error",),
    "copy": ("Error",),
    "multiprocessing.context": ("TimeoutError",),
    "threading": ("BrokenBarrierError",),
    "uuid": ("Error",),
    "statistics": ("StatisticsError",),
}
STDLIB_NAMES = frozenset((module, name) for module, names in _STDLIB.items() for name in names)

# As Python 2 and the protocols below 3 call the module builtins
_BUILTIN_MODULES = ("builtins", "__builtin__", "exceptions")


def is_known_exception(cls: type) -> bool:
    """Whether clients take instances of this class."""
    if cls in WIRE_NAMES:
        return issubclass(cls, Exception)
    if not issubclass(cls, Exception):
        return False
    if cls.__module__ == "builtins":
        return getattr(builtins, cls.__name__, None) is cls
    return (cls.__module__, cls.__qualname__) in STDLIB_NAMES


def _text_to_bytes(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(encoding)
    return text.encode("latin-1")


def _plain_tuple(items: tuple[Any, ...], _more: Any = None) -> tuple[Any, ...]:
    if not isinstance(items, tuple):
        raise TypeError("a tuple is needed")
    return items


def _collection(kind: Callable[[Any], Any]) -> Builder:
    def build(items: Any = ()) -> Any:
        if not isinstance(items, list | tuple):
            raise TypeError("a list is needed")
        return Collection(kind, items)

    return build


def _bytearray(data: bytes | str = b"", _encoding: str = "latin-1") -> bytearray:
    return bytearray(data.encode("latin-1") if isinstance(data, str) else _need_bytes(data))


def _need_bytes(data: Any) -> bytes:
    if not isinstance(data, bytes):
        raise TypeError("bytes are needed")
    return data


def _no_bytes() -> bytes:
    return b""


def _complex(real: float, imag: float) -> complex:
    return complex(float(real), float(imag))


# What pickle itself names for plain data in its older protocols. Each becomes plain data again.
_PLAIN: dict[tuple[str, str], Builder] = {
    ("_codecs", "encode"): _text_to_bytes,
    ("posix", "uname_result"): _plain_tuple,
    ("resource", "struct_rusage"): _plain_tuple,
    **{(module, "set"): _collection(set) for module in _BUILTIN_MODULES[:2]},
    **{(module, "frozenset"): _collection(frozenset) for module in _BUILTIN_MODULES[:2]},
    **{(module, "bytearray"): _bytearray for module in _BUILTIN_MODULES[:2]},
    **{(module, "complex"): _complex for module in _BUILTIN_MODULES[:2]},
    **{(module, "bytes"): _no_bytes for module in _BUILTIN_MODULES[:2]},
}


def _reconstruct(
    table: Mapping[tuple[str, str], Builder], named: Any, base: Any, state: Any
) -> Any:
    """What `copyreg._reconstructor` does, for the classes of a table only."""
    if not (isinstance(named, Name) and isinstance(base, Name) and state is None):
        raise TypeError("not an object of a known class")
    return table[named.module, named.name]()


class ClientNames(Mapping[tuple[str, str], Builder]):
    """The table that a client reads with: own classes, exceptions of the standard library, plain
    data of old protocols.
    """

    def __getitem__(self, key: tuple[str, str]) -> Builder:
        builder = _OWN.get(key) or _PLAIN.get(key) or _SPECIAL.get(key) or _standard(*key)
        if builder is None:
            raise KeyError(key)
        return builder

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return iter([*_OWN, *_PLAIN, *_SPECIAL])

    def __len__(self) -> int:
        return len(_OWN) + len(_PLAIN) + len(_SPECIAL)


def _never(*_args: Any) -> Any:
    raise TypeError("not to be called")


_SPECIAL: dict[tuple[str, str], Builder] = {
    ("copyreg", "_reconstructor"): partial(_reconstruct, _OWN),
    ("copy_reg", "_reconstructor"): partial(_reconstruct, _OWN),
    ("builtins", "object"): _never,
    ("__builtin__", "object"): _never,
}


def _standard(module: str, name: str) -> Builder | None:
    if module in _BUILTIN_MODULES:
        found = vars(builtins).get(name)
    elif (module, name) in STDLIB_NAMES:
        found = _imported(module, name)
    else:
        return None
    if isinstance(found, type) and issubclass(found, Exception):
        return _exception(found)
    return None


def _imported(module: str, name: str) -> Any:
    try:
        return getattr(importlib.import_module(module), name, None)
    except ImportError:  # Some are optional parts of an installation
        return None


CLIENT_NAMES = ClientNames()


class EventNames(ClientNames):
    """The same, but classes that nobody knows become data: nothing is looked up for them."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        self._make = make

    def __getitem__(self, key: tuple[str, str]) -> Builder:
        """Return how to make an object of that name."""
        if key in _SPECIAL and key[1] == "_reconstructor":
            return partial(_reconstruct, self)
        try:
            return super().__getitem__(key)
        except KeyError:
            return partial(self._unknown, ".".join(key))

    def __contains__(self, key: object) -> bool:
        """Whatever is named can be made."""
        return True

    def _unknown(self, name: str, *args: Any) -> Built:
        value = self._make(name)
        if args:
            value.args = args
        return Built(value, vars(value).update)

"""The names under which classes travel, and what a client makes of each name.

Both tables are filled by `wire_class`, at import time. A name that is in no table is never looked
up: no module is imported because a pickle says so, but for the exceptions in `_STDLIB`, whose
modules are part of Python.
"""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from ._pickles import Builder, Lookup, Name

WIRE_NAMES: dict[type, str] = {}
_OWN: dict[tuple[str, str], Builder] = {}

_C = TypeVar("_C", bound=type)
_T = TypeVar("_T")


def wire_class(name: str) -> Callable[[_C], _C]:
    """Decorate a class: its instances travel under the dotted `name`, with the attributes in their
    `__dict__`.

    A client makes an instance without calling `__init__`, and sets the attributes, which are plain
    data.
    """

    def register(cls: _C) -> _C:
        module, _, bare = name.rpartition(".")
        WIRE_NAMES[cls] = name
        _OWN[module, bare] = cls if issubclass(cls, Exception) else partial(object.__new__, cls)
        return cls

    return register


def alias_class(name: str, cls: type) -> None:
    """Let a subclass travel, one way, under the name of a class that every client knows."""
    WIRE_NAMES[cls] = name


_STDLIB = {
    "_pickle": "PicklingError UnpicklingError",
    "pickle": "PicklingError UnpicklingError",
    "_queue": "Empty",
    "queue": "Empty Full",
    "struct": "error",
    "zlib": "error",
    "binascii": "Error",
    "json.decoder": "JSONDecodeError",
    "subprocess": "SubprocessError CalledProcessError TimeoutExpired",
    "socket": "gaierror herror",
    "ssl": "SSLError",
    "sqlite3": "Error DatabaseError OperationalError IntegrityError ProgrammingError",
    "decimal": "DecimalException InvalidOperation DivisionByZero",
    "configparser": "Error",
    "concurrent.futures._base": "CancelledError Error",
    "asyncio.exceptions": "InvalidStateError QueueFull IncompleteReadError",
    "http.client": "HTTPException BadStatusLine",
    "urllib.error": "URLError",
    "email.errors": "MessageError",
    "xml.parsers.expat": "ExpatError",
    "zipfile": "BadZipFile",
    "tarfile": "TarError",
    "shutil": "Error",
    "io": "UnsupportedOperation",
    "re": "error",
    "copy": "Error",
    "multiprocessing.context": "TimeoutError",
    "threading": "BrokenBarrierError",
    "uuid": "Error",
    "statistics": "StatisticsError",
}
"""Exceptions of the standard library that are no builtins, by the module that pickles name."""

# As Python 2 and the protocols below 3 call the module builtins
_BUILTIN_MODULES = ("builtins", "__builtin__", "exceptions")


def is_known_exception(cls: type) -> bool:
    """Whether clients take instances of this class."""
    if not issubclass(cls, Exception):
        return False
    if cls.__module__ == "builtins":
        return getattr(builtins, cls.__name__, None) is cls
    return cls in WIRE_NAMES or cls.__qualname__ in _STDLIB.get(cls.__module__, "").split()


def _need(kind: type[_T], value: object) -> _T:
    if not isinstance(value, kind):
        raise TypeError(f"{kind.__name__} is needed")
    return value


def _text_to_bytes(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise ValueError(encoding)
    return text.encode("latin-1")


def _plain_tuple(items: object, _more: object = None) -> tuple[object, ...]:
    return _need(tuple, items)


def _bytearray(data: object = b"", _encoding: object = None) -> bytearray:
    return bytearray(data.encode("latin-1") if isinstance(data, str) else _need(bytes, data))


def _never(*_args: object) -> None:
    raise TypeError("not to be called")


# What pickle itself names for plain data in its older protocols. Each becomes plain data again.
_PLAIN: dict[tuple[str, str], Builder] = {
    ("_codecs", "encode"): _text_to_bytes,
    ("posix", "uname_result"): _plain_tuple,
    ("resource", "struct_rusage"): _plain_tuple,
}
for _module in _BUILTIN_MODULES[:2]:
    _PLAIN[_module, "set"] = set
    _PLAIN[_module, "frozenset"] = frozenset
    _PLAIN[_module, "bytearray"] = _bytearray
    _PLAIN[_module, "complex"] = complex
    _PLAIN[_module, "bytes"] = lambda: b""
    _PLAIN[_module, "object"] = _never

_RECONSTRUCTORS = {("copyreg", "_reconstructor"), ("copy_reg", "_reconstructor")}
"""How protocols 0 and 1 make an object without calling its class."""


def _standard(module: str, name: str) -> Builder | None:
    if module in _BUILTIN_MODULES:
        found = vars(builtins).get(name)
    elif name in _STDLIB.get(module, "").split():
        try:
            found = getattr(importlib.import_module(module), name, None)
        except ImportError:  # some are optional parts of an installation
            return None
    else:
        return None
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def client_names(module: str, name: str) -> Builder | None:
    """Implement `Lookup`: own classes, exceptions of the standard library, plain data of old
    protocols.
    """
    if (module, name) in _RECONSTRUCTORS:
        return partial(_reconstruct, lambda *key: _OWN.get(key))
    return _OWN.get((module, name)) or _PLAIN.get((module, name)) or _standard(module, name)


def _reconstruct(find: Lookup, named: object, base: object, state: object) -> object:
    """What `copyreg._reconstructor` does, for known classes only."""
    if not (isinstance(named, Name) and isinstance(base, Name) and state is None):
        raise TypeError("not an object of a class")
    build = find(named.module, named.name) or _never
    return build()


class EventNames:
    """The same, and classes that nobody knows become data: `make` returns an object for the dotted
    name. Nothing is looked up for them.
    """

    def __init__(self, make: Callable[[str], object]) -> None:
        self._make = make

    def __call__(self, module: str, name: str) -> Builder:
        """Implement `Lookup`."""
        if (module, name) in _RECONSTRUCTORS:
            return partial(_reconstruct, self)
        return client_names(module, name) or partial(self._unknown, f"{module}.{name}")

    def _unknown(self, name: str, *args: object) -> object:
        value = self._make(name)
        if args:
            vars(value)["args"] = args
        return value


CLIENT_NAMES = client_names

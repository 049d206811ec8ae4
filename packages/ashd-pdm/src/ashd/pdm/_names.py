"""The names under which classes travel, and what a client makes of each name.

A name that is in no table is never looked up: no module is imported because a pickle says so, but
for those of `_STDLIB`, which are part of Python.
"""

from __future__ import annotations

import builtins
import importlib
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import TypeVar

from ._pickles import Builder, Name

WIRE_NAMES: dict[type, str] = {}
"""The dotted names of our classes, for those who write."""

_C = TypeVar("_C", bound=type)


def wire_class(name: str) -> Callable[[_C], _C]:
    """Decorate a class: its instances travel under the dotted `name`, with the attributes in their
    `__dict__`.

    A client makes an instance without calling `__init__`, and sets the attributes, which are plain
    data.
    """

    def register(cls: _C) -> _C:
        WIRE_NAMES[cls] = name
        _BUILDERS[name] = cls if issubclass(cls, Exception) else partial(object.__new__, cls)
        return cls

    return register


_EXCEPTIONS = """
_pickle.PicklingError _pickle.UnpicklingError _queue.Empty asyncio.exceptions.IncompleteReadError
asyncio.exceptions.InvalidStateError asyncio.exceptions.QueueFull binascii.Error
concurrent.futures._base.CancelledError concurrent.futures._base.Error configparser.Error
copy.Error decimal.DecimalException decimal.DivisionByZero decimal.InvalidOperation
email.errors.MessageError http.client.BadStatusLine http.client.HTTPException
io.UnsupportedOperation json.decoder.JSONDecodeError multiprocessing.context.TimeoutError
pickle.PicklingError pickle.UnpicklingError queue.Empty queue.Full re.error shutil.Error
socket.gaierror socket.herror sqlite3.DatabaseError sqlite3.Error sqlite3.IntegrityError
sqlite3.OperationalError sqlite3.ProgrammingError ssl.SSLError statistics.StatisticsError
struct.error subprocess.CalledProcessError subprocess.SubprocessError subprocess.TimeoutExpired
tarfile.TarError threading.BrokenBarrierError urllib.error.URLError uuid.Error
xml.parsers.expat.ExpatError zipfile.BadZipFile zlib.error
"""
_STDLIB = frozenset(_EXCEPTIONS.split())
"""Exceptions of the standard library that aren't builtins, by the modules that pickle names."""


def is_known_exception(cls: type[BaseException]) -> bool:
    """Whether clients take instances of this class."""
    return cls in WIRE_NAMES or _standard(cls.__module__, cls.__qualname__) is cls


def _standard(module: str, name: str) -> type[Exception] | None:
    found: object = None
    if module in ("builtins", "__builtin__", "exceptions"):  # two are Python 2's
        found = vars(builtins).get(name)
    elif f"{module}.{name}" in _STDLIB:
        with suppress(ImportError):  # some are optional parts of an installation
            found = getattr(importlib.import_module(module), name, None)
    return found if isinstance(found, type) and issubclass(found, Exception) else None


def _bytes(data: object = b"", encoding: object = "latin1") -> bytes:
    if isinstance(data, str) and encoding in ("latin1", "latin-1"):
        return data.encode("latin-1")
    if not isinstance(data, bytes):  # a number would be a length
        raise TypeError("bytes are needed")
    return data


def _plain_tuple(items: object, _more: object = None) -> tuple[object, ...]:
    if not isinstance(items, tuple):
        raise TypeError("a tuple is needed")
    return items


def _never(*_args: object) -> None:
    raise TypeError("not to be called")


def _reconstruct(named: object, base: object, state: object) -> object:
    """How protocols 0 and 1 make an object without calling its class."""
    if not (isinstance(named, Name) and isinstance(base, Name) and state is None):
        raise TypeError("not an object of a class")
    if not isinstance(named.build, partial):  # as those of our classes are
        raise TypeError("not a class whose objects are made so")
    return named.build()


# Our classes (`wire_class`), and what pickle itself names for plain data in its older protocols
_BUILDERS: dict[str, Builder] = {
    "_codecs.encode": _bytes,
    "copyreg._reconstructor": _reconstruct,
    "copy_reg._reconstructor": _reconstruct,
    "posix.uname_result": _plain_tuple,
    "resource.struct_rusage": _plain_tuple,
}
for _module in ("builtins", "__builtin__"):
    _BUILDERS |= {
        f"{_module}.set": set,
        f"{_module}.frozenset": frozenset,
        f"{_module}.complex": complex,
        f"{_module}.bytes": _bytes,
        f"{_module}.bytearray": lambda *args: bytearray(_bytes(*args)),
        f"{_module}.object": _never,
    }


def client_names(
    module: str, name: str, unknown: Callable[..., object] | None = None
) -> Builder | None:
    """Implement `Lookup`: own classes, exceptions of the standard library, plain data of old
    protocols. `unknown` makes an object for the dotted name of anything else, and its arguments.
    """
    dotted = f"{module}.{name}"
    other = None if unknown is None else partial(unknown, dotted)
    return _BUILDERS.get(dotted) or _standard(module, name) or other

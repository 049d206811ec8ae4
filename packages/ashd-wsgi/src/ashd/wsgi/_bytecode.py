"""Compiled modules (.pyc files) that can't be older than their source.

Python takes a .pyc file for current if it names the source's size and its time in whole seconds. A
source that is saved twice in one second, or comes with its old time (`rsync -t`, `tar`), may keep
both, and a worker that a reload has started would serve the old code. So the application's modules
are cached by the hash of their source (PEP 552), which every Python since 3.7 reads.

Installed libraries keep Python's rule: installers remove what they replace, and to compile them all
again would make each start slow where the cache can't be written.
"""

from __future__ import annotations

import marshal
import os
import sys
import sysconfig
from collections.abc import Callable
from importlib.machinery import SourceFileLoader
from importlib.util import MAGIC_NUMBER, cache_from_source, source_hash
from types import CodeType

_BY_TIME = MAGIC_NUMBER + bytes(4)
_BY_HASH = MAGIC_NUMBER + (0b11).to_bytes(4, "little")
"""How files begin that are checked by time, or by the hash of the source (flags of PEP 552)."""

_CLOCK_TICK = 2
"""Seconds in which two saves may get the same time. A file that others have made is trusted if it
is younger than its source by that much: then no later save has the time that it names."""

_LIBRARIES = tuple(
    os.path.join(sysconfig.get_path(name), "")  # noqa: PTH118 - start-up time
    for name in ("stdlib", "platstdlib")
)
_INSTALLED = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")

_python_get_code = SourceFileLoader.get_code

observers: list[Callable[[str], object]] = []
"""Are told of each source of the application before it is read, in the thread that imports it."""


def distrust_old_bytecode() -> None:
    """Import the application's modules by the rule above, whatever finder or function loads them.

    `importlib.util.spec_from_file_location` and the finders of editable installs make loaders of
    this class without asking `sys.path_hooks`, so the class itself has to know the rule.
    """
    SourceFileLoader.get_code = _get_code  # type: ignore[assignment, method-assign]


def _get_code(self: SourceFileLoader, fullname: str) -> CodeType | None:
    path = self.get_filename(fullname)
    if _is_installed(path):
        return _python_get_code(self, fullname)
    for observe in observers:
        observe(path)
    # A class derived from the loader may compile differently, or cache elsewhere.
    if type(self) is not SourceFileLoader:
        return _python_get_code(self, fullname)
    try:
        cache = cache_from_source(path)
    except NotImplementedError:  # this Python has no cache
        return _python_get_code(self, fullname)
    source = self.get_data(path)
    start = _BY_HASH + source_hash(source)
    code = _read(self, cache, path, start)
    if code is None and _is_settled(self, cache, path):
        return _python_get_code(self, fullname)
    if code is None:
        code = self.source_to_code(source, path)
        if not sys.dont_write_bytecode:
            mode = os.stat(path).st_mode | 0o200  # noqa: PTH116 - start-up time
            self.set_data(cache, start + marshal.dumps(code), _mode=mode)
    return code


def _is_installed(path: str) -> bool:
    return path.startswith(_LIBRARIES) or any(folder in path for folder in _INSTALLED)


def _read(loader: SourceFileLoader, cache: str, path: str, start: bytes) -> CodeType | None:
    """Return the code that was compiled from this very source at this very place, if there is."""
    try:
        data = loader.get_data(cache)
        code = marshal.loads(data[len(start) :]) if data.startswith(start) else None
    except (OSError, EOFError, ValueError, TypeError):
        return None
    return code if isinstance(code, CodeType) and code.co_filename == path else None


def _is_settled(loader: SourceFileLoader, cache: str, path: str) -> bool:
    """Tell whether a file that is checked by time is younger than any save with the same time."""
    try:
        written = os.stat(cache).st_mtime  # noqa: PTH116 - start-up time
        saved = os.stat(path).st_mtime  # noqa: PTH116
        return written > saved + _CLOCK_TICK and loader.get_data(cache).startswith(_BY_TIME)
    except OSError:
        return False

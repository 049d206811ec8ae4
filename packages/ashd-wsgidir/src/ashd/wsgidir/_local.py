"""The process-wide cache of loaded files, and the functions by which code asks for a file."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from types import ModuleType

from ._cache import ModuleCache
from ._errors import LocalImportError
from ._slot import CachedModule, Finish

SUFFIXES = (".pyl", ".py")

cache = ModuleCache()


def getmod(path: str | os.PathLike[str], finish: Finish | None = None) -> CachedModule:
    """Load a file as a module, or return the module that is loaded, as long as it is unchanged.

    The file has changed when its modification time (in nanoseconds), size or inode is different. It
    is then loaded into a new module, once, however many threads ask. A version that fails to load
    is logged, and the previous one is returned.

    `finish`, if given, is called with each new version as the last step of loading; if it raises,
    the version has failed. Pass the same function each time: it is known by its identity. The entry
    that is returned has the module as `mod`, a `lock`, and the file's `mtime`. Callers may attach
    attributes to it, which are dropped with the version.

    Raises `LoadError`, or its subclass `UnreadableError` if that isn't a readable regular file.
    """
    name = os.fspath(path)
    return cache.get(name if name.startswith("/") else os.path.abspath(name), finish)  # noqa: PTH100


def importlocal(name: str) -> ModuleType:
    """Return the module of a file next to the caller's, through the same cache.

    `.pyl` and `.py` are tried when `name` has no dot. Call it in a function rather than at the
    file's top level to see a newer version as soon as there is one.

    Raises `LocalImportError` (an ImportError) if there is no such file, and `LoadError` if it can't
    be loaded.
    """
    origin = sys._getframe(1).f_globals.get("__file__")
    if not isinstance(origin, str):
        raise LocalImportError("importlocal can only be called from code in a file", name=name)
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise LocalImportError(f"{name!r} can't be the name of a file next to {origin}", name=name)
    directory = Path(origin).absolute().parent
    candidates = [name] if "." in name else [name + suffix for suffix in SUFFIXES]
    for candidate in candidates:
        path = directory / candidate
        if path.is_file():
            return getmod(path).mod
    wanted = " or ".join(candidates)
    raise LocalImportError(f"there is no {wanted} next to {origin}", name=name, path=origin)

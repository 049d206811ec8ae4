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

    The file has changed when its modification time (in nanoseconds), size or inode is another one.
    It is loaded into a new module then, once, however many threads ask; a version that fails to
    load is logged, and the one before it goes on being returned.

    `finish`, if given, is called with each new version as the last part of its loading, and what it
    raises makes it a version that fails. It is known by its identity, so pass the same function
    each time. The entry that is returned has the module as `mod`, a
    `lock`, and the file's `mtime`; attributes may be added to it, and go with the version.

    Raises `LoadError`; `UnreadableError`, which is one, if there is no readable regular file.
    """
    name = os.fspath(path)
    return cache.get(name if name.startswith("/") else os.path.abspath(name), finish)  # noqa: PTH100


def importlocal(name: str) -> ModuleType:
    """Return the module of a file beside the one that calls this, through the same cache.

    `.pyl` and `.py` are tried when `name` has no dot. Call it in a function rather than at the
    file's top level to see a newer version as soon as there is one.

    Raises `LocalImportError` (an ImportError) when there is no such file, `LoadError` when it can't
    be loaded.
    """
    origin = sys._getframe(1).f_globals.get("__file__")
    if not isinstance(origin, str):
        raise LocalImportError("importlocal can only be called from code in a file", name=name)
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise LocalImportError(f"{name!r} is no name of a file beside {origin}", name=name)
    directory = Path(origin).absolute().parent
    candidates = [name] if "." in name else [name + suffix for suffix in SUFFIXES]
    for candidate in candidates:
        path = directory / candidate
        if path.is_file():
            return getmod(path).mod
    wanted = " or ".join(candidates)
    raise LocalImportError(f"there is no {wanted} beside {origin}", name=name, path=origin)

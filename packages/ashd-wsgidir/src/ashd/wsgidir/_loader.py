"""Make a module from a file's bytes, with everything that tools expect of a module.

`inspect`, `pickle`, `dataclasses` and the traceback printer find a module through `sys.modules`,
`__spec__` and `linecache`. The module cache calls this, and ensures that only one thread at a time
loads a file.
"""

from __future__ import annotations

import hashlib
import importlib.abc
import importlib.util
import linecache
import re
import sys
from types import CodeType, ModuleType

from ._current import Current


def module_name(path: str) -> str:
    """Return the name of a file's module in `sys.modules`.

    All versions of a file share it, so that what one has pickled the next one can read. It holds
    no dot: `pickle` would try to import what stands before it.
    """
    base = re.sub(r"\W", "_", path.rpartition("/")[2], flags=re.ASCII)
    digest = hashlib.blake2b(path.encode(errors="surrogatepass"), digest_size=8)
    return f"wsgidir_{base}_{digest.hexdigest()}"


class _VersionLoader(importlib.abc.ExecutionLoader):
    """Holds one version of a file's source, for as long as its module lives."""

    def __init__(self, path: str, source: bytes) -> None:
        self._path = path
        self._source = source

    def get_filename(self, fullname: str) -> str:  # noqa: ARG002
        return self._path

    def get_source(self, fullname: str) -> str:  # noqa: ARG002
        return importlib.util.decode_source(self._source)


def new_module(path: str, source: bytes) -> tuple[ModuleType, Current]:
    """Return an empty module for `source`, not yet executed, and its `__current__`."""
    name = module_name(path)
    spec = importlib.util.spec_from_file_location(name, path, loader=_VersionLoader(path, source))
    assert spec is not None  # there is a loader
    module = importlib.util.module_from_spec(spec)
    current = vars(module)["__current__"] = Current()
    return module, current


def compile_file(path: str, source: bytes) -> CodeType:
    """Return the code of a file. Raises SyntaxError or ValueError: a retry can't help."""
    linecache.cache.pop(path, None)  # a second save in one tick of the clock escapes checkcache
    return _VersionLoader.source_to_code(source, path)


def execute(module: ModuleType, code: CodeType) -> None:
    """Put a new module into `sys.modules`, and run its code."""
    sys.modules[module.__name__] = module
    exec(code, vars(module))


def withdraw(module: ModuleType, successor: ModuleType | None) -> None:
    """Replace a module in `sys.modules` by `successor`, if it is still there."""
    name = module.__name__
    if sys.modules.get(name) is module:
        if successor is None:
            del sys.modules[name]
        else:
            sys.modules[name] = successor

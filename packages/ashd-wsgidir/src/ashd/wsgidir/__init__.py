"""WSGI applications straight from the files in which they live.

`application` (or what `wmain` returns) is a WSGI application (PEP 3333) for use under a program
that maps URLs to files and sets `SCRIPT_FILENAME`: `ashd-wsgi` under `dirplex` or `ashd-dirplex`.
The code in the files, and handlers that you write, use `getmod` and `importlocal`. Any thread may
call everything here. Each descriptor is closed by the call that opened it; only `static` hands one
to the server, with the content of a file.
"""

from ._app import Directory, application, wmain
from ._cache import ModuleCache
from ._chain import chain
from ._compat import cachedmod, handler
from ._current import Current
from ._errors import (
    Error,
    HandlerNameError,
    LoadError,
    LocalImportError,
    NoApplicationError,
    UnreadableError,
    UsageError,
)
from ._local import getmod, importlocal
from ._slot import CachedModule
from ._static import static

__all__ = [
    "CachedModule",
    "Current",
    "Directory",
    "Error",
    "HandlerNameError",
    "LoadError",
    "LocalImportError",
    "ModuleCache",
    "NoApplicationError",
    "UnreadableError",
    "UsageError",
    "application",
    "cachedmod",
    "chain",
    "getmod",
    "handler",
    "importlocal",
    "static",
    "wmain",
]

"""WSGI applications straight from the files in which they live.

`application` (or what `wmain` returns) is a WSGI application (PEP 3333) for use under a program
that maps URLs to files and sets `SCRIPT_FILENAME`: `ashd-wsgi` behind `dirplex` or `ashd-dirplex`.
The code of the files, and handlers of one's own, use `getmod` and `importlocal`. Everything here
may be called from any thread; no descriptor outlives the call that opened it, but the one that
`static` hands to the server with a file's content.
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

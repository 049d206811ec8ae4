"""`chain`: the handler for files that hold WSGI applications. Called from any thread."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from ._errors import LoadError, NoApplicationError
from ._local import cache
from ._pages import no_file, not_loaded

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from ._slot import CachedModule


def chain(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Pass the request on to the application in the file that `SCRIPT_FILENAME` names.

    That is what the file's `wmain()` returns, called once for each time the file is loaded, or else
    its `application`. A file that can't be loaded, or has neither, is answered with 500.
    """
    path = environ.get("SCRIPT_FILENAME")
    if not path:
        return no_file(environ, start_response)
    try:
        entry = cache.get(path, _find_application)
    except LoadError as error:
        return not_loaded(environ, start_response, error)
    application: WSGIApplication = entry.application
    return application(environ, start_response)


def _find_application(entry: CachedModule) -> None:
    wmain = getattr(entry.mod, "wmain", None)
    found = wmain() if callable(wmain) else getattr(entry.mod, "application", None)
    if not callable(found):
        raise NoApplicationError(
            f"its wmain() returned {found!r}, which is not a WSGI application"
            if callable(wmain)
            else "it has neither wmain() nor an application that can be called"
        )
    entry.application = found

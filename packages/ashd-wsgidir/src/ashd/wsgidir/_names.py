"""From a handler's name to the WSGI callable that serves a file.

A name may come from a request's header. Only the configuration should be able to set that, but the
name is treated with care all the same: it leads to a callable in an importable module, or to one of
our own handlers, and to nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, cast

from ._errors import HandlerNameError

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

OWN_MODULE = __name__.rpartition(".")[0]


class HandlerNames:
    """Resolves handler names, each once; any thread may ask.

    `own` are the handlers whose names need no module. `modules` are the modules (and packages with
    their contents) that names may lead to; None allows any.
    """

    def __init__(
        self, own: Mapping[str, WSGIApplication], modules: Iterable[str] | None = None
    ) -> None:
        self._own = own
        self._allowed = None if modules is None else frozenset(modules)
        self._known: dict[str, WSGIApplication] = dict(own)  # only ever added to

    def find(self, name: str) -> WSGIApplication:
        """Return the handler called `name`; raises `HandlerNameError` with the reason."""
        handler = self._known.get(name)
        if handler is None:
            handler = self._known[name] = self._resolve(name)
        return handler

    def _resolve(self, name: str) -> WSGIApplication:
        if not name.isascii() or not all(part.isidentifier() for part in name.split(".")):
            raise HandlerNameError(f"{name!r} is not a handler name: it must be MODULE.OBJECT")
        module, _, attribute = name.rpartition(".")
        if not module or module == OWN_MODULE:
            return self._find_own(attribute)
        if not self._is_allowed(module):
            raise HandlerNameError(
                f"handler {name!r}: module {module!r} is not allowed; the option -M allows it"
            )
        return _import(module, attribute)

    def _find_own(self, name: str) -> WSGIApplication:
        if name not in self._own:
            known = ", ".join(sorted(self._own))
            raise HandlerNameError(f"{name!r} is not a handler of {OWN_MODULE}; there are {known}")
        return self._own[name]

    def _is_allowed(self, module: str) -> bool:
        if self._allowed is None:
            return True
        parts = module.split(".")
        return any(".".join(parts[:count]) in self._allowed for count in range(1, len(parts) + 1))


def _import(module: str, attribute: str) -> WSGIApplication:
    name = f"{module}.{attribute}"
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}".partition("\n")[0]
        raise HandlerNameError(
            f"handler {name!r}: module {module!r} can't be imported: {reason}"
        ) from error
    if found is None:
        raise HandlerNameError(f"handler {name!r}: module {module!r} has no {attribute!r}")
    if not callable(found):
        raise HandlerNameError(f"handler {name!r} can't be called, so it isn't a WSGI application")
    return cast("WSGIApplication", found)

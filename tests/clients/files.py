"""Applications in files, and a dispatcher for them: all public modules of ashd-wsgidir."""

from __future__ import annotations

from collections.abc import Iterable
from types import ModuleType
from typing import assert_type
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ashd.dirplex import ConfigError, Dirplex, parse, read_configs
from ashd.util import serve_loop
from ashd.wsgidir import (
    CachedModule,
    Directory,
    LoadError,
    ModuleCache,
    application,
    chain,
    getmod,
    importlocal,
    static,
    wmain,
)


def by_extension(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve files, some of which are applications."""
    directory = Directory({"wsgi": "chain"}, modules=["myhandlers"])
    for serves in (directory, application, chain, static):
        each: WSGIApplication = serves
        return each(environ, start_response)
    return wmain("-M", "myhandlers")(environ, start_response)


def load() -> None:
    """Load files as modules."""
    cache = ModuleCache(retry_after=1.0)
    try:
        entry = cache.get("/srv/www/page.wsgi")
    except LoadError as error:
        print(error.path, error.details)
        entry = getmod("/srv/www/other.wsgi")
    assert_type(entry, CachedModule)
    with entry.lock:
        assert_type(entry.mod, ModuleType)
    assert_type(importlocal("helpers"), ModuleType)


def dispatch() -> None:
    """Serve a directory."""
    try:
        configs = read_configs(None, use_global=False, strict=True)
        parse("/srv/www/.htrc")
    except ConfigError as error:
        raise SystemExit(str(error)) from error
    with Dirplex("/srv/www", configs) as dirplex:
        serve_loop(dirplex)

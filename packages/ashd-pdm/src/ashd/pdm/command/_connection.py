"""Connects to the daemon that a subcommand was given, and finds objects by short names."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar, cast

from .. import cli
from .._errors import PdmError
from ..cli import PerfClient, Proxy
from ..perf import error, nosuchname

if TYPE_CHECKING:
    import argparse

T = TypeVar("T")

BUILT_IN = "pdm.perf"
PARENT = "parent"
KNOWN = (
    *(f"{BUILT_IN}.{name}" for name in ("sysres", "sysinfo", "sysctl", "process", "threads")),
    *(f"{BUILT_IN}.{name}" for name in ("profile", "heap", "workers")),
    "ashd.perf.server",
    "ashd.perf.statistics",
    "ashd.perf.requests",
)
"""Objects to look for in daemons that can't list theirs."""


def open_perf(options: argparse.Namespace, *, timeout: float | None = None) -> PerfClient:
    """Connect as the options say; an answer may take `timeout` seconds. Every exception that an
    object of the daemon raises is an `error`. The caller closes the client.
    """
    return cli.open_perf(options.target, worker=options.worker, timeout=timeout, translate=to_error)


def to_error(exc: Exception) -> Exception:
    """Return an exception of the daemon as one that the command tells about."""
    return exc if isinstance(exc, PdmError) else error(f"{type(exc).__name__}: {exc}")


def full_path(name: str) -> str:
    """Return the path of an object: one without a module is built in."""
    first, slash, rest = name.strip("/").partition("/")
    return f"{first if '.' in first else f'{BUILT_IN}.{first}'}{slash}{rest}"


def short_path(path: str) -> str:
    """Return the shortest name by which `find` knows the path."""
    return path.removeprefix(f"{BUILT_IN}.")


def find(client: PerfClient, name: str) -> Proxy:
    """Return an object by its path or short name; `nosuchname` when there is none."""
    path = full_path(name)
    try:
        return client.find(path)
    except nosuchname:
        text = f"this daemon has no object {short_path(path)}; ashd-pdm ls shows what it has"
        raise nosuchname(text) from None


def find_if_any(client: PerfClient, name: str) -> Proxy | None:
    """Return an object, or None when this daemon doesn't have it."""
    with suppress(nosuchname):
        return client.find(full_path(name))
    return None


def need(proxy: Proxy, protocol: str, name: str) -> Proxy:
    """Return the object if it has the protocol; else say what can be done with it instead."""
    has = proxy.pdm_protocols()
    if protocol not in has:
        others = " or ".join(VERBS[found] for found in has if found in VERBS)
        instead = f"try ashd-pdm {others}" if others else "no other command can either"
        raise error(f"ashd-pdm {VERBS[protocol]} can't use {name}: {instead}")
    return proxy


VERBS = {"attr": "get", "dir": "ls", "invoke": "call", "event": "watch"}


def worker_names(client: PerfClient) -> list[str]:
    """Return the worker processes of this server; none when it shows a single process."""
    try:
        with client.find(f"{BUILT_IN}.workers") as directory:
            return [name for name in directory.listdir() if name != PARENT]
    except PdmError:
        return []


def by_worker(client: PerfClient, value: object, _kind: type[T]) -> dict[str, T]:
    """Return a value that every process has as a dict by worker; a single process is called ''. Its
    kind is what the daemon promises (`_records.py`).
    """
    names = worker_names(client)
    if names and isinstance(value, dict) and set(value) <= set(names):
        return value
    return {"": cast("T", value)}

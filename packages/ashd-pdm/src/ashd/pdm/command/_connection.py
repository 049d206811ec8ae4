"""Asks the daemon that a subcommand was given, and shows what it answers."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

from .. import cli
from .._errors import PdmError
from ..cli import PerfClient, Proxy
from ..perf import error, nosuchname
from ._output import say, to_json

A = TypeVar("A")
T = TypeVar("T")

BUILT_IN = "pdm.perf"
VERBS = {"attr": "get", "dir": "ls", "invoke": "call", "event": "watch"}
"""The subcommand for each protocol."""


def once(
    ask: Callable[[PerfClient, argparse.Namespace], dict[str, A]],
    show: Callable[[A, argparse.Namespace], Iterable[str]],
    timeout: float | None = None,
) -> Callable[[argparse.Namespace], int]:
    """Return what runs a subcommand that asks the daemon (an answer may take `timeout` seconds) and
    writes the answers by worker: as JSON if that is wanted, else as `show` puts each. What is for
    the whole daemon, or a single process, is called ''.
    """

    def run(options: argparse.Namespace) -> int:
        with open_perf(options, timeout=timeout) as client:
            answers = ask(client, options)
        if getattr(options, "json", False):
            say(to_json(answers.get("", answers)))
            return 0
        for worker, answer in answers.items():
            heading = [f"=== worker {worker}"] if worker else []
            say(*heading, *show(answer, options))
        return 0

    return run


def open_perf(options: argparse.Namespace, *, timeout: float | None = None) -> PerfClient:
    """Connect as the options say. What an object of the daemon raises comes as an `error`."""
    return cli.open_perf(options.target, worker=options.worker, timeout=timeout, translate=to_error)


def to_error(exc: Exception) -> Exception:
    """Return an exception of the daemon as one that says so."""
    return exc if isinstance(exc, PdmError) else error(f"{type(exc).__name__}: {exc}")


def full_path(name: str) -> str:
    """Return the path of an object: one without a module is built in."""
    name = name.strip("/")
    return name if "." in name.partition("/")[0] else f"{BUILT_IN}.{name}"


def short_path(path: str) -> str:
    """Return the shortest name by which `find` knows the path."""
    return path.removeprefix(f"{BUILT_IN}.")


def find_if_any(client: PerfClient, name: str) -> Proxy | None:
    """Return an object by its path or short name, or None when this daemon doesn't have it."""
    with suppress(nosuchname):
        return client.find(full_path(name))
    return None


def find(client: PerfClient, name: str, protocol: str | None = None) -> Proxy:
    """Return an object, with that protocol; if there is none, the error says what to do instead."""
    found = find_if_any(client, name)
    if found is None:
        text = f"this daemon has no object {short_path(name)}; ashd-pdm ls shows what it has"
        raise nosuchname(text)
    has = found.pdm_protocols()
    if protocol is not None and protocol not in has:
        others = " or ".join(VERBS[one] for one in has if one in VERBS)
        instead = f"try ashd-pdm {others}" if others else "no other command can either"
        raise error(f"ashd-pdm {VERBS[protocol]} can't use {name}: {instead}")
    return found


def read(proxy: Proxy, _kind: type[T]) -> dict[str, T]:
    """Return the value of an attribute by worker, of the kind that the daemon promises."""
    return proxy.by_worker("readattr")


def call(proxy: Proxy, _kind: type[T], method: str, *args: object) -> dict[str, T]:
    """Call a method, and return the same."""
    return proxy.by_worker("invoke", method, args, {})

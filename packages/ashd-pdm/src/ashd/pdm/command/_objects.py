"""`ashd-pdm ls`, `get`, `watch` and `call`: PERF objects by path."""

from __future__ import annotations

import argparse
import ast
import time
from collections.abc import Iterable
from typing import Any

from ..cli import PerfClient, Proxy
from ..perf import error
from ._connection import BUILT_IN, VERBS, find, find_if_any, once, open_perf, short_path
from ._output import say, show, show_event, to_json
from ._text import table

_BUILT_IN = "sysres", "sysinfo", "sysctl", "process", "threads", "profile", "heap", "workers"
KNOWN = (
    *(f"{BUILT_IN}.{name}" for name in _BUILT_IN),
    *(f"ashd.perf.{name}" for name in ("server", "statistics", "requests", "recorder")),
)
"""Objects to look for in daemons that can't list theirs."""


def _names(client: PerfClient, options: argparse.Namespace) -> dict[str, list[str]]:
    if options.name is not None:
        directory = find(client, options.name, "dir")
        return {name: proxy.pdm_protocols() for name, proxy in _inside(directory)}
    listed = find_if_any(client, "objects")
    if listed is not None:
        return {short_path(name): proxy.pdm_protocols() for name, proxy in _inside(listed)}
    proxies = {short_path(path): find_if_any(client, path) for path in KNOWN}
    return {name: proxy.pdm_protocols() for name, proxy in proxies.items() if proxy is not None}


def _inside(directory: Proxy) -> Iterable[tuple[str, Proxy]]:
    for name in directory.listdir():
        with directory.lookup(name) as proxy:
            yield name, proxy


def _show_names(found: dict[str, list[str]], _options: argparse.Namespace) -> list[str]:
    return table([(n, " ".join(VERBS.get(kind, kind) for kind in found[n])) for n in found])


def _values(client: PerfClient, options: argparse.Namespace) -> object:
    proxy = find(client, options.name)
    protocols = proxy.pdm_protocols()
    value: Any = {}
    meaning: Any = {}
    if "attr" in protocols or "dir" not in protocols:
        value, meaning = _read(find(client, options.name, "attr"), options)
    else:
        for name, inner in _inside(proxy):
            if "attr" in inner.pdm_protocols():
                value[name], meaning[name] = _read(inner, options)
        if not value:
            raise error(f"{options.name} has no attributes; ashd-pdm ls shows what is in it")
    return {"value": value, "desc": meaning} if options.verbose else value


def _read(proxy: Proxy, options: argparse.Namespace) -> tuple[Any, Any]:
    meaning = proxy.attrinfo().desc if options.verbose else None
    return proxy.readattr(), meaning


def _show_values(found: Any, options: argparse.Namespace) -> Iterable[str]:
    if not options.verbose:
        return show(found)
    value, meaning = found["value"], found["desc"]
    if isinstance(meaning, dict):
        return table([(name, repr(value[name]), meaning[name] or "") for name in value])
    return [*([f"# {meaning}"] if meaning else []), *show(value)]


def _result(client: PerfClient, options: argparse.Namespace) -> object:
    args, kwargs = parse_arguments(options.argument)
    proxy = find(client, options.name, "invoke")
    return proxy.invoke(options.method, *args, **kwargs)


def parse_arguments(words: list[str]) -> tuple[list[object], dict[str, object]]:
    """Read `VALUE` and `NAME=VALUE` as a call has them: values as in Python, or else as text."""
    args: list[object] = []
    kwargs: dict[str, object] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            kwargs[name] = _value(value)
        else:
            args.append(_value(word))
    return args, kwargs


_CONSTANTS = {"true": True, "false": False, "null": None}


def _value(text: str) -> object:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


list_names = once(lambda *asked: {"": _names(*asked)}, _show_names)
get = once(lambda *asked: {"": _values(*asked)}, _show_values)
call = once(
    lambda *asked: {"": _result(*asked)}, lambda value, _: show(value) if value is not None else []
)


def watch(options: argparse.Namespace) -> int:
    """Write events, or the values of an attribute that differ from the one before."""
    with open_perf(options) as client:
        proxy = find(client, options.name)
        if "event" in proxy.pdm_protocols():
            _watch_events(client, proxy, options)
        else:
            _watch_attribute(find(client, options.name, "attr"), options)
    return 0


def _watch_events(client: PerfClient, proxy: Proxy, options: argparse.Namespace) -> None:
    count = 0

    def show_one(event: object) -> None:
        nonlocal count
        count += 1
        stamp = time.strftime("%H:%M:%S", time.localtime(getattr(event, "time", time.time())))
        say(to_json(event) if options.json else f"{stamp} {show_event(event)}")

    proxy.subscribe(show_one)
    while options.count is None or count < options.count:
        client.dispatch()


def _watch_attribute(proxy: Proxy, options: argparse.Namespace) -> None:
    count, last = 0, object()
    while options.count is None or count < options.count:
        if count:
            time.sleep(options.interval)
        value = proxy.readattr()
        if value != last:
            count, last = count + 1, value
            if options.json:
                say(to_json({"time": time.time(), "value": value}))
            else:
                first, *more = show(value)
                say(f"{time.strftime('%H:%M:%S')} {first}", *more)

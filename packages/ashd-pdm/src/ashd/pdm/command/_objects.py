"""`ashd-pdm ls`, `get`, `watch` and `call`: PERF objects by path."""

from __future__ import annotations

import ast
import time
from typing import TYPE_CHECKING, Any

from ..perf import error
from ._connection import KNOWN, VERBS, find, find_if_any, need, open_perf, short_path
from ._output import say, say_json, show, show_event, to_json
from ._text import table

if TYPE_CHECKING:
    import argparse

    from ..cli import PerfClient, Proxy


def list_names(options: argparse.Namespace) -> int:
    """Run `ls`."""
    with open_perf(options) as client:
        if options.name is None:
            found = _all_objects(client)
        else:
            found = _inside(need(find(client, options.name), "dir", options.name))
    if options.json:
        say_json(found)
        return 0
    rows = [
        (name, " ".join(VERBS.get(kind, kind) for kind in kinds)) for name, kinds in found.items()
    ]
    say(*table(rows))
    return 0


def _all_objects(client: PerfClient) -> dict[str, list[str]]:
    directory = find_if_any(client, "objects")
    if directory is not None:
        return {short_path(name): kinds for name, kinds in _inside(directory).items()}
    proxies = {short_path(path): find_if_any(client, path) for path in KNOWN}
    return {name: proxy.pdm_protocols() for name, proxy in proxies.items() if proxy is not None}


def _inside(directory: Proxy) -> dict[str, list[str]]:
    found = {}
    for name in directory.listdir():
        with directory.lookup(name) as proxy:
            found[name] = proxy.pdm_protocols()
    return found


def get(options: argparse.Namespace) -> int:
    """Run `get`."""
    with open_perf(options) as client:
        proxy = find(client, options.name)
        if "attr" in proxy.pdm_protocols():
            value, meaning = _read(proxy, options)
        elif "dir" in proxy.pdm_protocols():
            value, meaning = _read_all(proxy, options)
        else:
            need(proxy, "attr", options.name)
    if options.json:
        say_json({"value": value, "desc": meaning} if options.verbose else value)
        return 0
    if isinstance(meaning, dict):
        say(*table([(name, repr(value[name]), meaning[name] or "") for name in value]))
    else:
        say(*([f"# {meaning}"] if meaning else []), *show(value))
    return 0


def _read(proxy: Proxy, options: argparse.Namespace) -> tuple[Any, Any]:
    meaning = proxy.attrinfo().desc if options.verbose else None
    return proxy.readattr(), meaning


def _read_all(directory: Proxy, options: argparse.Namespace) -> tuple[Any, Any]:
    values, meanings = {}, {}
    for name in directory.listdir():
        with directory.lookup(name) as proxy:
            if "attr" in proxy.pdm_protocols():
                values[name], meanings[name] = _read(proxy, options)
    if not values:
        raise error(f"{options.name} has no attributes; ashd-pdm ls shows what is in it")
    return values, meanings if options.verbose else None


def call(options: argparse.Namespace) -> int:
    """Run `call`."""
    args, kwargs = parse_arguments(options.argument)
    with open_perf(options) as client:
        proxy = need(find(client, options.name), "invoke", options.name)
        value = proxy.invoke(options.method, *args, **kwargs)
    if options.json:
        say_json(value)
    elif value is not None:
        say(*show(value))
    return 0


def parse_arguments(words: list[str]) -> tuple[list[Any], dict[str, Any]]:
    """Read `VALUE` and `NAME=VALUE` as a call has them: values as in Python, or else as text."""
    args, kwargs = [], {}
    for word in words:
        name, equals, value = word.partition("=")
        if equals and name.isidentifier():
            kwargs[name] = _value(value)
        else:
            args.append(_value(word))
    return args, kwargs


_CONSTANTS = {"true": True, "false": False, "null": None}


def _value(text: str) -> Any:
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def watch(options: argparse.Namespace) -> int:
    """Run `watch`."""
    with open_perf(options) as client:
        proxy = find(client, options.name)
        if "event" in proxy.pdm_protocols():
            _watch_events(client, proxy, options)
        else:
            _watch_attribute(need(proxy, "attr", options.name), options)
    return 0


def _watch_events(client: PerfClient, proxy: Proxy, options: argparse.Namespace) -> None:
    count = 0

    def show_one(event: Any) -> None:
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
                say_json({"time": time.time(), "value": value})
            else:
                first, *more = show(value)
                say(f"{time.strftime('%H:%M:%S')} {first}", *more)

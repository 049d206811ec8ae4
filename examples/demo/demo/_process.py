"""The process at this moment: its threads, what they do, and the requests that they hold."""

from __future__ import annotations

import os
import platform
import sys
import threading
from html import escape
from pathlib import Path
from types import FrameType

from ._web import Environ, Response, html, page, plain, size_text, wants_html

try:
    from ashd.serve import Held, running
except ImportError:  # under another server
    Held, running = None, None  # type: ignore[assignment, misc] # as if there were none

_LIVE = "part=live"  # the query with which the script asks for what changes


def show(environ: Environ) -> Response:
    """Show the process as a page, as the part of it that changes, or as plain text."""
    facts, threads = _facts(environ), _threads()
    if not wants_html(environ):
        lines = [f"{name}: {text}" for name, text in facts.items()]
        lines += ["", *("\t".join(row) for row in threads)]
        return plain("\n".join(lines) + "\n")
    live = _facts_html(facts) + _threads_html(threads)
    if environ.get("QUERY_STRING") == _LIVE:
        return html(live)
    return page(environ, "process", "The process", live=live)


def _facts(environ: Environ) -> dict[str, str]:
    status = _status()
    facts = {
        "Process": f"{os.getpid()}, started by {os.getppid()}",
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
        "Server": environ.get("SERVER_SOFTWARE", "?"),
        "Threads": f"{len(sys._current_frames())} in Python, {status.get('Threads', '?')} in all",
        "Many threads at a time": "yes" if environ["wsgi.multithread"] else "no",
        "Many processes": "yes" if environ["wsgi.multiprocess"] else "no",
    }
    for name, key in (("Memory", "VmRSS"), ("Memory at most", "VmHWM")):
        if key in status:
            facts[name] = size_text(int(status[key].split()[0]) * 1024)
    facts["Open descriptors"] = str(_descriptors())
    return facts


def _status() -> dict[str, str]:
    """Return what Linux tells of this process; nothing elsewhere."""
    try:
        text = Path("/proc/self/status").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    pairs = (line.partition(":") for line in text.splitlines())
    return {name: value.strip() for name, _, value in pairs}


def _descriptors() -> int | str:
    try:
        return len(os.listdir("/dev/fd")) - 1  # noqa: PTH208 - the one that lists is not counted
    except OSError:
        return "?"


def _threads() -> list[tuple[str, str, str, str]]:
    """Return number, name, request and place in the code of each thread."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    held: dict[int, Held] = {each.ident: each for each in running.snapshot()} if running else {}
    rows = []
    for ident, frame in sorted(sys._current_frames().items(), key=lambda item: item[0] not in held):
        own = ident == threading.get_ident()
        task = held.get(ident)
        request = "" if task is None else f"{task.task.describe()}, since {task.age:.1f} s"
        place = "this page" if own else _place(frame)
        rows.append((f"{ident:x}", names.get(ident, "").partition(" (")[0], request, place))
    return rows


def _place(frame: FrameType) -> str:
    code = frame.f_code
    return f"{code.co_qualname} ({Path(code.co_filename).name}:{frame.f_lineno})"


def _facts_html(facts: dict[str, str]) -> str:
    rows = "".join(
        f"<div><dt>{name}</dt><dd>{escape(text)}</dd></div>" for name, text in facts.items()
    )
    return f'<dl class="facts">{rows}</dl>'


def _threads_html(rows: list[tuple[str, str, str, str]]) -> str:
    heads = ("Thread", "Name", "Request", "Is in")
    head = "".join(f"<th>{name}</th>" for name in heads)
    body = "".join(
        f"<tr{' class=busy' if row[2] else ''}>"
        + "".join(
            f'<td data-name="{name}">{escape(text) or "-"}</td>'
            for name, text in zip(heads, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    return f"<h2>Threads</h2><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"

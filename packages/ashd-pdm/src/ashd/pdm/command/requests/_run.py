"""`ashd-pdm requests`: record the last requests of `ashd-wsgi`, and show them."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Iterator
from typing import Any

from ..._records import RecordedRequest, Recorder, RequestSummary
from ...cli import PerfClient, Proxy
from ...perf import error
from .._connection import call, find, once, read
from .._output import say, to_json
from .._text import clean_lines, count, duration, table

RECORDER = "ashd.perf.recorder"

_OFF = "no requests are recorded: ashd-pdm requests TARGET --record 100 switches that on"


def ask(client: PerfClient, options: argparse.Namespace) -> dict[str, Any]:
    """Do what the options say; return what there is to show, for the whole daemon."""
    recorder = find(client, RECORDER)
    if options.stop:
        recorder.invoke("stop")
        return {}
    if options.record is not None:
        recorder.invoke("record", options.record, options.bodies or 0, options.mask)
        return {}
    if options.id is not None:
        found = get_request(recorder, options.id)
        if options.output is not None:
            _write(options.output, to_json(found))
            return {}
        return {"": found}
    return {"": list_requests(recorder)}


def _write(file: str, text: str) -> None:
    """Write what may be private to a file that only its owner reads."""
    fd = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as stream:
        stream.write(text)


def list_requests(recorder: Proxy) -> list[RequestSummary]:
    """Return the requests that all workers keep, the oldest first."""
    found = read(recorder, Recorder).values()
    if not any(each["recording"] for each in found):
        raise error(_OFF)
    return sorted((one for each in found for one in each["requests"]), key=lambda one: one["time"])


def get_request(recorder: Proxy, ident: str) -> RecordedRequest:
    """Return one of them, with all that is known of it."""
    for found in call(recorder, RecordedRequest, "get", ident).values():
        if found:  # None where another worker has it
            return found
    raise error(f"there is no request {ident}: ashd-pdm requests TARGET lists those that are kept")


def report(found: Any, options: argparse.Namespace) -> Iterator[str]:
    """Yield lines about one request, or about all."""
    if options.id is not None:
        yield from _all_of(found)
        return
    yield from table([("id", "began", "took", "status", "request"), *map(_row, found)], "  r")


def _row(one: RequestSummary) -> tuple[str, ...]:
    began = time.strftime("%H:%M:%S", time.localtime(one["time"]))
    status = "cut" if one["aborted"] else text(one["status"][:3]) or "-"
    asked = f"{text(one['method'])} {text(one['url'])}"
    return one["id"], began, duration(one["seconds"]), status, asked


def _all_of(one: RecordedRequest) -> Iterator[str]:
    yield " ".join(text(one[key]) for key in ("method", "url", "version"))
    yield from (f"{text(name)}: {text(value)}" for name, value in one["headers"])
    if one["body"]:
        yield ""
        yield from body_lines(one["body"])
    if not one["whole"]:
        yield f"({count(len(one['body'] or b''))} of {count(one['received'])} bytes were kept)"
    yield ""
    cut = ", cut" if one["aborted"] else ""
    yield f"{text(one['status']) or 'no answer'} (in {duration(one['seconds'])}{cut})"
    yield from (f"{text(name)}: {text(value)}" for name, value in one["response"])


def text(data: bytes) -> str:
    """Return bytes of a head as text."""
    return data.decode("latin-1")


def body_lines(body: bytes) -> list[str]:
    """Return a body as lines, or how long it is if it isn't text."""
    try:
        return clean_lines(body.decode()).splitlines()
    except UnicodeDecodeError:
        return [f"({count(len(body))} bytes that are not text)"]


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    if options.output is not None and options.id is None:
        raise error("--output writes one request: name its ID")
    status = once(ask, report)(options)
    if options.record is not None and not options.json:
        say(f"the last {options.record} requests are kept from now on")
    return status

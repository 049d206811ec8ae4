"""`ashd-pdm replay`: send a recorded request to a handler, as a front end would.

The handler is a program of the user's, started here. Its standard input is the handler's socket; it
puts our terminal in its place once it has taken that, so that a debugger works.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...perf import error
from .._output import say, warn
from ._run import body_lines, text
from ._source import Pairs, Replay, make_replay, recorded

_TERMINAL = "ASHD_TERMINAL"
"""Tells `ashd-wsgi` which terminal to take for its standard input."""


def run(options: argparse.Namespace) -> int:
    """Run the subcommand."""
    if not options.command:
        raise error("the handler is missing: ashd-pdm replay SOURCE -- ashd-wsgi myproject:app")
    instead = [_header(each) for each in options.header]
    body = None if options.body is None else Path(options.body).read_bytes()
    replay = make_replay(recorded(options.source, options.id), instead, body)
    for warning in replay.warnings:
        warn(warning)
    status, headers, content = _ask(options.command, replay)
    say(f"HTTP/1.1 {text(status)}")
    say(*(f"{text(name)}: {text(value)}" for name, value in headers), "")
    if options.output is not None:
        Path(options.output).write_bytes(content)
    else:
        say(*body_lines(content))
    return 0


def _header(given: str) -> tuple[bytes, bytes]:
    name, colon, value = given.partition(":")
    if not colon or not name.strip():
        raise error(f"a header has the form NAME: VALUE, not {given!r}")
    return name.strip().encode("latin-1"), value.strip().encode("latin-1", "replace")


def _ask(command: list[str], replay: Replay) -> tuple[bytes, Pairs, bytes]:
    """Start the handler, send it the request, and return its response when it has ended.

    That is status, headers and body.
    """
    try:
        from ashd.proto import EncodeError, ProtocolError, SendError, SpawnError
        from ashd.util import call_handler, spawn_handler
    except ImportError as exc:
        raise error("replay needs ashd-proto: pip install 'ashd-pdm[replay]'") from exc
    try:
        process, sock = spawn_handler(command, env=_environment())
    except SpawnError as exc:
        raise error(exc.strerror or str(exc)) from exc
    with _ending(process), sock:
        try:
            response = call_handler(
                sock,
                replay.url,
                method=replay.method,
                headers=replay.headers,
                body=replay.body,
                rest=replay.rest,
            )
        except ProtocolError as exc:
            raise error(f"the handler has sent no response: {exc}") from exc
        except EncodeError as exc:
            raise error(f"the request can't be sent: {exc}") from exc
        except SendError as exc:
            raise error(f"the handler takes no request: {exc.strerror}") from exc
    return b"%d %b" % (response.status, response.reason), response.headers, response.body


def _environment() -> dict[str, str]:
    if os.isatty(0):
        return {**os.environ, _TERMINAL: os.ttyname(0)}
    return dict(os.environ)


@contextmanager
def _ending(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Wait for the handler at the end. Ctrl-C is its own, as it has the terminal."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    try:
        yield
    finally:
        process.wait()
        signal.signal(signal.SIGINT, before)

"""Serving without a front end's command line (`--bind`): this process becomes the front end.

It is told where to listen, and to start this program without `--bind` as its root handler.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from typing import NoReturn

from ._errors import StartError, UsageError
from ._options import Options

_FRONT_END = "ashd-htparser"
_SHARED = ("log_format", "access_log", "access_log_format")
_PORTSPEC = re.compile(r"(plain|ssl)(:.*)?|\w+:(.*=.*|help)")
_TCP = re.compile(r"(?P<host>\[[^\[\]]+\]|[^:\[\]]*):(?P<port>[0-9]+)")


def portspec(address: str) -> str:
    """Return what the front end calls an address; raises `UsageError`.

    It is `:8080`, `127.0.0.1:8080`, `[::1]:80`, `unix:/run/app.sock`, `fd://3`, or a PORTSPEC.
    """
    if address.startswith("unix:"):
        return f"plain:unix={address.removeprefix('unix:')}"
    if address.startswith("fd://"):
        return f"plain:fd={address.removeprefix('fd://')}"
    if _PORTSPEC.fullmatch(address):
        return address
    tcp = _TCP.fullmatch(f":{address}" if address.isdigit() else address)
    if tcp is not None:
        return f"plain:port={tcp['port']}" + (f",bind={tcp['host']}" if tcp["host"] else "")
    raise UsageError(
        f"--bind {address}: give HOST:PORT, :PORT, [IPV6]:PORT, unix:PATH, fd://NUMBER, or a "
        "PORTSPEC of ashd-htparser"
    )


def handler_command(options: Options) -> list[str]:
    """Return this command without `--bind`, and without what its front end does."""
    words = [sys.executable, *sys.orig_argv[1 : len(sys.orig_argv) - len(sys.argv[1:])]]
    own = [word for word in options.words if not word.startswith("--access-log=")]
    if options.access_log:
        own.append("--access-log=")  # beats a file's, and the environment's
    end = ["--"] if options.module.startswith("-") else []
    return [*words, *own, *end, target(options), *options.arguments]


def target(options: Options) -> str:
    """Return what is to be served, where a module alone stands for its application."""
    alone = not (options.arguments or options.find_application or ":" in options.module)
    return options.module + ":" * alone


def front_end_arguments(options: Options) -> list[str]:
    """Return the front end's arguments: the options that it shares, its own, and the ports."""
    shared = [
        f"--{attribute.replace('_', '-')}={value}"
        for attribute in _SHARED
        if (value := getattr(options, attribute)) != getattr(Options, attribute)
    ]
    if options.request_id:
        shared.append("--request-id")
    ports = [portspec(address) for address in options.bind]
    return [*shared, *_words(options.front_end), *ports]


def become_front_end(options: Options) -> NoReturn:
    """Run the front end in this process. Raises `StartError`."""
    arguments = front_end_arguments(options)
    command = [*_front_end(), *arguments, "--", *handler_command(options)]
    for stream in filter(None, (sys.stdout, sys.stderr)):  # they may be closed
        stream.flush()
    try:
        os.execv(command[0], command)
    except OSError as error:
        raise StartError(f"--bind: {command[0]} can't be started: {error.strerror}") from None


def _words(text: str) -> list[str]:
    import shlex

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise UsageError(f"--front-end {text}: {error}") from None
    if "--" in words:
        raise UsageError(f"--front-end {text}: give options of {_FRONT_END} alone, without --")
    return words


def _front_end() -> list[str]:
    """Return the command of the front end that was installed with this program."""
    for neighbour in (sys.argv[0], sys.executable):
        path = os.path.join(os.path.dirname(os.path.abspath(neighbour)), _FRONT_END)  # noqa: PTH100, PTH118, PTH120
        if os.access(path, os.X_OK):
            return [path]
    if find_spec("ashd.htparser") is None:
        raise StartError("--bind needs the front end: pip install 'ashd-wsgi[http]'")
    return [sys.executable, "-P", "-m", "ashd.htparser"]

"""The command `ashd-htparser`, from its command line to its exit status.

Ports are bound first, then the root handler is started, then clients are served.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging
import os
import signal
import sys
from collections.abc import Sequence

from ashd.proto._logs import configure_logging

from ._errors import FAILURE_STATUS, USAGE_STATUS, StartError, UsageError
from ._handler import RootHandler
from ._keeper import Keeper
from ._listener import bind_port, describe
from ._options import PROGRAM, Settings, parse_options
from ._portspec import HelpRequested
from ._queue import RequestQueue
from ._renewal import warn_of_certificates
from ._server import Backend, Server
from ._workers import Sockets, Workers, inherited

_log = logging.getLogger("ashd.htparser")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the front end with the arguments of the process, or `argv`; return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(parse_options(arguments))
    except HelpRequested as answer:
        print(answer)  # noqa: T201
        return 0
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return USAGE_STATUS
    except StartError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return FAILURE_STATUS


def _run(settings: Settings) -> int:
    configure_logging(PROGRAM, settings.logs.style, syslog=False)
    signal.signal(signal.SIGHUP, lambda *_: None)  # by default it would end this process
    shared = inherited(os.environ, settings.ports, settings.processes)
    if shared is not None:
        return _serve(settings, shared.queue, shared.parent, shared.sockets, shared.others)
    warn_of_certificates(settings.ports)
    sockets: Sockets = []
    try:
        for port in settings.ports:
            sockets += [(port, sock) for sock in bind_port(port, settings.processes)]
        queue, backend = _start(settings, sockets)
    except StartError:
        for _, sock in sockets:
            sock.close()
        raise
    _log.info("bound %s; the root handler is loading", ", ".join(_addresses(sockets)))
    return _serve(settings, queue, backend, sockets if settings.processes == 1 else [])


def _addresses(sockets: Sockets) -> list[str]:
    return list(dict.fromkeys(describe(sock) for _, sock in sockets))


def _start(settings: Settings, sockets: Sockets) -> tuple[RequestQueue, Backend]:
    """Start the root handler, and further front ends if there are to be more than this one."""
    keeper = Keeper()
    queue = RequestQueue(keeper.new_sender())
    addresses = _addresses(sockets)
    unready = itertools.count(settings.processes if settings.processes > 1 else 0, -1)

    def on_start(renewed: bool) -> None:
        if renewed:
            queue.replace(keeper.new_sender())
            workers.renew()
        queue.tell_next(keeper.note)

    def on_ready() -> None:
        if next(unready) == 0:  # the root handler has loaded, and further front ends serve
            serves = f" ({keeper.description})" if keeper.description else ""
            _log.info("listening on %s%s", ", ".join(addresses), serves)

    handler = RootHandler(
        settings.command, keeper, respawn=settings.respawn, on_start=on_start, on_ready=on_ready
    )
    signal.signal(signal.SIGHUP, lambda *_: handler.reload())  # until the event loop does it
    workers = Workers(settings.processes, handler, queue, settings.ports, sockets, on_ready)
    backend = handler if settings.processes == 1 else workers
    try:
        backend.start()
    except StartError:
        backend.kill()
        queue.end()
        keeper.close()
        raise
    return queue, backend


def _serve(
    settings: Settings,
    queue: RequestQueue,
    backend: Backend,
    sockets: Sockets,
    others: Sockets | None = None,
) -> int:
    loop = _event_loop()
    try:
        gc.freeze()  # what is there by now stays: no use in looking at it again and again
        server = Server(loop, queue, backend, settings.limits_of_one)
        return loop.run_until_complete(server.serve(sockets, others or []))
    finally:
        loop.close()


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()

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
from types import FrameType

from ashd.log import JSON, TEXT, configure_logging, make_stderr_lossy

from ._daemon import daemonize, fill_standard_streams
from ._errors import FAILURE_STATUS, USAGE_STATUS, StartError, UsageError
from ._handler import RootHandler
from ._health import Health, Readiness
from ._interface import Backend
from ._keeper import Keeper
from ._life import Life
from ._listener import bind_port, describe
from ._options import PROGRAM, Settings, parse_options
from ._parent import Inherited, Sockets, inherited
from ._portspec import HelpRequested
from ._privileges import Privileges
from ._queue import RequestQueue
from ._record import Records
from ._renewal import warn_of_certificates
from ._room import warn_of_descriptors
from ._server import Server
from ._start_log import begin_start
from ._systemd import take_environment
from ._workers import Workers

_log = logging.getLogger("ashd.htparser")


class Stopped(BaseException):
    """A signal ends the program before it serves. Logging would keep an Exception to itself."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the front end with the arguments of the process, or `argv`; return the exit status."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    style = TEXT
    try:
        settings = parse_options(arguments)
        style = settings.logs.style
        return _run(settings)
    except HelpRequested as answer:
        print(answer)  # noqa: T201
        return 0
    except UsageError as error:
        print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return USAGE_STATUS
    except (StartError, Stopped) as error:
        if style == JSON:
            configure_logging(PROGRAM, style, syslog=False)  # if that isn't done yet
            _log.error("%s", error)
        else:
            print(f"{PROGRAM}: {error}", file=sys.stderr)  # noqa: T201
        return FAILURE_STATUS


def _run(settings: Settings) -> int:
    fill_standard_streams()
    make_stderr_lossy()
    manager = take_environment(os.environ)
    for number in (signal.SIGHUP, signal.SIGUSR1):
        signal.signal(number, lambda *_: None)  # by default they would end this process
    privileges = Privileges.find(settings.user, settings.root)
    shared = inherited(os.environ, settings.ports, settings.workers)
    if shared is not None:
        return _serve_shared(settings, shared, privileges)
    if privileges is not None:
        privileges.check()
    kept = [fd for fd, _ in manager.listening]
    kept += [port.fd for port in settings.ports if port.fd is not None]
    life = Life(manager, daemonize(kept) if settings.daemon else None)
    try:
        return _serve_first(settings, life, manager.listening)
    finally:
        life.ended()


def _serve_shared(settings: Settings, shared: Inherited, privileges: Privileges | None) -> int:
    """Serve as one of the front ends that the first process has started."""
    configure_logging(PROGRAM, settings.logs.style, syslog=settings.syslog)
    settings = settings.without_drain()  # the first process drains; a signal to this one is its own
    records = settings.logs.open()
    loop = _event_loop()
    if privileges is not None:
        privileges.drop()
    return _serve(
        *(settings, records, loop, Life(), shared.queue, shared.parent, shared.readiness),
        *(shared.sockets, shared.others),
    )


def _serve_first(settings: Settings, life: Life, passed: Sequence[tuple[int, str]]) -> int:
    configure_logging(PROGRAM, settings.logs.style, syslog=settings.syslog)
    begin_start(PROGRAM, os.environ, syslog=settings.syslog)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _give_up)  # until the event loop does it
    records = settings.logs.open()
    if records is not None and settings.workers:  # this process serves nobody
        records.close()
        records = None
    warn_of_certificates(settings.ports)
    warn_of_descriptors(settings.limits.connections)
    sockets: Sockets = []
    try:
        for port in settings.ports:
            bound = bind_port(port, settings.workers or 1, passed)
            sockets += [(port, sock) for sock in bound]
        readiness = Readiness()
        queue, backend = _start(settings, life, sockets, readiness)
    except (StartError, Stopped):
        for _, sock in sockets:
            sock.close()
        raise
    _log.info("bound %s; the root handler is loading", ", ".join(_addresses(sockets)))
    own = [] if settings.workers else sockets
    return _serve(settings, records, _event_loop(), life, queue, backend, readiness, own)


def _give_up(number: int, _: FrameType | None) -> None:
    raise Stopped(f"stopped by {signal.Signals(number).name} before it served anything")


def _addresses(sockets: Sockets) -> list[str]:
    return list(dict.fromkeys(describe(sock) for _, sock in sockets))


def _start(
    settings: Settings, life: Life, sockets: Sockets, readiness: Readiness
) -> tuple[RequestQueue, Backend]:
    """Start the root handler, and further front ends if there are to be more than this one."""
    keeper = Keeper()
    queue = RequestQueue(keeper.new_sender())
    addresses = _addresses(sockets)
    unready = itertools.count(settings.workers, -1)

    def on_start(renewed: bool) -> None:
        if renewed:
            queue.replace(keeper.new_sender())
            workers.renew()
        queue.tell_next(keeper.note)

    def on_ready() -> None:
        if next(unready) == 0:  # the root handler has loaded, and further front ends serve
            life.ready(addresses, keeper.description)

    handler = RootHandler(
        *(settings.command, keeper),
        respawn=settings.respawn,
        readiness=readiness,
        on_start=on_start,
        on_ready=on_ready,
    )
    signal.signal(signal.SIGHUP, lambda *_: handler.reload())  # until the event loop does it
    workers = Workers(
        *(settings.workers, handler, queue, settings.ports, sockets, on_ready, readiness),
        confined=bool(settings.user or settings.root),
    )
    backend = workers if settings.workers else handler
    try:
        backend.start()
        life.started(settings.pid_file)
    except StartError:
        backend.kill()
        queue.end()
        keeper.close()
        raise
    return queue, backend


def _serve(
    settings: Settings,
    records: Records | None,
    loop: asyncio.AbstractEventLoop,
    life: Life,
    queue: RequestQueue,
    backend: Backend,
    readiness: Readiness,
    sockets: Sockets,
    others: Sockets | None = None,
) -> int:
    try:
        gc.freeze()  # what is there by now stays: no use in looking at it again and again
        health = Health(settings.health, readiness) if settings.health else None
        server = Server(
            *(loop, queue, backend, settings.limits_of_one, life, records, readiness, health)
        )
        return loop.run_until_complete(server.serve(sockets, others or []))
    finally:
        if records is not None:
            records.close()
        loop.close()


def _event_loop() -> asyncio.AbstractEventLoop:
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()

"""The program `ashd-wsgi`, from its command line to its exit status."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

from ashd.log import TEXT, configure_logging, make_stderr_lossy
from ashd.proto import describe_handler, holds_datagram, hung_up
from ashd.serve import (
    Model,
    ModelError,
    Worker,
    handle_signal,
    leave_behind,
    make_model,
    running,
    this_worker,
)

from ._adapter import Adapter, Application
from ._admit import admit_maker
from ._errors import StartError, UsageError
from ._limits import limits_of
from ._load import load_application
from ._options import Options, parse_options
from ._request_ids import name_of_request
from ._shutdown import Shutdown, bound_exit
from ._source import RequestSource
from ._stdin import take_socket
from ._streams import end_streams
from ._version import SOFTWARE, build

if TYPE_CHECKING:
    from ._access import AccessLog
    from ._reload import Reloader
    from ._scgi_acceptor import Acceptor

logger = logging.getLogger("ashd.wsgi")


def main(arguments: Sequence[str] | None = None, *, scgi: bool = False) -> int:
    """Run the program; return its exit status: 0, 1 if it can't start, 2 for wrong usage."""
    program = os.path.basename(sys.argv[0] or "ashd-wsgi")  # noqa: PTH119 - start-up time
    if program == "__main__.py":
        program = "ashd-wsgi"
    given = sys.argv[1:] if arguments is None else arguments
    style = TEXT
    try:
        options = parse_options(program, given, scgi=scgi)
        style = options.log_format
        if options.help or options.version:
            from ._help import help_text  # few starts need it

            version = f"{SOFTWARE} ({build()})\n"
            sys.stdout.write(help_text(program, scgi=scgi) if options.help else version)
            return 0
        status = _run(options)
    except StartError as error:
        from ._explain import explain

        explain(program, error, style)
        status = 2 if isinstance(error, UsageError) else 1
    bound_exit(status)
    return status


def scgi_main() -> int:
    """Run the program `scgi-wsgi`, as `main` does."""
    return main(scgi=True)


def _run(options: Options) -> int:
    worker = this_worker()
    if worker is not None:
        leave_behind(worker.close)
    _begin_logs(options)
    if options.otel:
        from ._telemetry import check_installed

        check_installed()
    try:
        model = make_model(options.model, warn=worker is None)
    except ModelError as error:
        raise UsageError(f"-t {options.model}: {error}") from None
    sock = take_socket()  # before the application's code runs, whose children would inherit it
    if sock is None and options.bind and not (options.check_config or options.scgi):
        from ._bind import become_front_end

        become_front_end(options)
    if worker is None:
        for warning in options.warnings:
            logger.warning("%s", warning)
    if options.check_config:
        from ._check import check

        return check(options, partial(_load, options))
    acceptor = None
    if sock is None and options.scgi:
        from ._scgi_intake import take_connections

        sock, acceptor = take_connections(options)
    handler_socket = checked(sock, options)
    if (options.workers or options.reload) and worker is None:
        return _run_workers(options, handler_socket, acceptor)
    leave_behind(handler_socket.close)
    reloader = None
    if options.reload:
        from ._reload import Reloader

        reloader = Reloader(
            options.program, options.log_format, options.search_path, options.graceful_timeout
        )
    load = partial(_load, options)
    application = reloader.load(load) if reloader else load()
    with handler_socket:
        describe_handler(describe(options))
        serve(application, model, handler_socket, options, worker, reloader, acceptor)
    return 0


def _begin_logs(options: Options) -> None:
    make_stderr_lossy()
    if not options.leave_logging:
        name = name_of_request(options.otel)
        configure_logging(options.program, options.log_format, request_id=name)
    if options.access_log:  # which isn't open yet: the signal would end this process
        handle_signal(signal.SIGUSR1, lambda *_: None)


def _load(options: Options) -> Application:
    if options.otel:
        from ._telemetry import set_up_sdk

        set_up_sdk()
    return load_application(
        options.module,
        options.arguments,
        find_application=options.find_application,
        path=options.search_path,
    )


def describe(options: Options) -> str:
    """Say what is served, and how."""
    how = [f"model {options.model}"]
    if options.workers:
        how.append(f"{options.workers} worker{'s' * (options.workers > 1)}")
    if options.reload:
        how.append("reload")
    what, call, _ = options.module.removesuffix(":").partition("(")  # its arguments may be secret
    return ", ".join([what + "(...)" * bool(call), *how])


def _run_workers(options: Options, shared: socket.socket, acceptor: Acceptor | None) -> int:
    from ashd.serve import Workers

    from ._debug import open_for_workers

    with shared:
        argv = [sys.executable, *sys.orig_argv[1:]]
        debug = open_for_workers(options.pdm)
        workers = Workers(
            argv,
            options.workers or 1,
            shared,
            options.graceful_timeout,
            hung_up=hung_up,
            holds_request=holds_datagram,
            handed_on=[signal.SIGUSR1] if options.access_log else [],
            on_stop=None if acceptor is None else acceptor.stop,
        )
        if acceptor is not None:
            acceptor.start()
        try:
            return workers.run(debug.connect if debug else None)
        finally:
            if debug:
                debug.close()


def _make_adapter(
    application: Application, model: Model, options: Options, body_buffer: int
) -> Adapter:
    return Adapter(
        application,
        multithread=model.multithread,
        multiprocess=options.workers > 0,
        scgi=options.scgi,
        directory=options.directory,
        body_buffer=body_buffer,
        content_length=options.content_length,
        early_hints=options.early_hints,
        multiplex=model.multiplex,
    )


def _observe(adapter: Adapter, options: Options) -> AccessLog | None:
    """Tell of each request whom the command line names; return the access log, to be closed."""
    if options.pdm is not None:
        from ._debug import open_debug_socket

        open_debug_socket(options.pdm, adapter, options.model)
    if options.otel:
        from ._telemetry import observe

        observe(adapter)
    if options.server_timing:
        from ._observers import together
        from ._server_timing import ServerTiming

        adapter.observer = together(adapter.observer, ServerTiming())
    if not options.access_log:
        return None
    from ._access import AccessLog

    access_log = AccessLog(options.access_log, options.access_log_format)
    adapter.observer = access_log.observer(adapter.observer)
    handle_signal(signal.SIGUSR1, lambda *_: access_log.reopen())
    return access_log


def serve(
    application: Application,
    model: Model,
    sock: socket.socket,
    options: Options,
    worker: Worker | None,
    reloader: Reloader | None = None,
    acceptor: Acceptor | None = None,
) -> None:
    """Serve requests until a signal or end-of-file; return when all that came are answered."""
    limits = limits_of(options)
    adapter = _make_adapter(application, model, options, limits.body_buffer)
    access_log = _observe(adapter, options)

    def leave() -> None:
        if worker is not None:
            worker.leave()  # first: the process may end as soon as the source has stopped
        if acceptor is None:
            source.stop()
        else:
            acceptor.stop()  # the end-of-file stops the source when it has received all

    def bound_finish() -> None:
        shutdown.begin()

    source = RequestSource(
        sock,
        admit_maker(adapter, limits, leave if worker else None, identify=options.request_id),
        timestamps=limits.queue_timeout is not None or options.otel or options.server_timing,
        worker=worker,
        on_parents_end=bound_finish,
        on_stop=end_streams,
    )
    leave_behind(running.abandon)
    leave_behind(source.abandon)
    shutdown = Shutdown(sock, leave, options.graceful_timeout, stop_on_hangup=worker is None)
    if worker is not None:
        # It is for the parent. SIG_IGN would be inherited by what the application starts.
        handle_signal(signal.SIGHUP, lambda *_: None)
        worker.ready()
    if reloader is not None:
        reloader.watch(leave)
    if acceptor is not None:
        acceptor.start()
    model.serve(source)
    if access_log is not None:
        access_log.close()
    signal.set_wakeup_fd(-1)
    source.close()
    if options.otel:
        from ._telemetry import flush

        flush()


def checked(sock: socket.socket | None, options: Options) -> socket.socket:
    """Return what `take_socket` has found; raises `StartError` if that is nothing."""
    if sock is None:
        import shlex

        words = shlex.join([*options.words, options.module, *options.arguments])
        raise StartError(
            "standard input is not the socket of an ashd handler; let a front end start this "
            f"program: {options.program} --bind :8080 {words}"
        )
    return sock

"""The program `ashd-wsgi`, from its command line to its exit status."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
from collections.abc import Sequence

from ashd.proto import holds_datagram, hung_up
from ashd.proto._logs import configure_logging
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
from ._errors import StartError
from ._limits import limits_of
from ._load import load_application
from ._options import Options, UsageError, help_text, parse_options
from ._request_ids import current_request_id
from ._shutdown import Shutdown, bound_exit
from ._source import RequestSource
from ._version import SOFTWARE, build

logger = logging.getLogger("ashd.wsgi")

_HANDLER_SOCKET = (socket.AF_UNIX, socket.SOCK_SEQPACKET)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the program; return its exit status: 0, 1 if it can't start, 2 for wrong usage."""
    program = os.path.basename(sys.argv[0] or "ashd-wsgi")  # noqa: PTH119 - start-up time
    if program == "__main__.py":
        program = "ashd-wsgi"
    try:
        options = parse_options(program, sys.argv[1:] if arguments is None else arguments)
        if options.help or options.version:
            version = f"{SOFTWARE} ({build()})\n"
            sys.stdout.write(help_text(program) if options.help else version)
            return 0
        status = _run(options)
    except StartError as error:
        _explain(program, error)
        status = 2 if isinstance(error, UsageError) else 1
    bound_exit(status)
    return status


def _run(options: Options) -> int:
    worker = this_worker()
    if worker is not None:
        leave_behind(worker.close)
    if not options.leave_logging:
        configure_logging(options.program, options.log_format, request_id=current_request_id)
    try:
        model = make_model(options.model, warn=worker is None)
    except ModelError as error:
        raise UsageError(f"-t {options.model}: {error}") from None
    if worker is None:
        for warning in options.warnings:
            logger.warning("%s", warning)
    if options.workers and worker is None:
        return _run_workers(options)
    sock = take_socket()  # before the application's code runs, whose children would inherit it
    if sock is not None:
        leave_behind(sock.close)
    application = load_application(
        options.module,
        options.arguments,
        find_application=options.find_application,
        path=options.path,
    )
    with checked(sock, options.program) as sock:
        serve(application, model, sock, options, worker)
    return 0


def _run_workers(options: Options) -> int:
    from ashd.serve import Workers

    from ._debug import open_for_workers

    with checked(take_socket(), options.program) as sock:
        argv = [sys.executable, *sys.orig_argv[1:]]
        debug = open_for_workers(options.pdm)
        workers = Workers(
            argv,
            options.workers,
            sock,
            options.graceful_timeout,
            hung_up=hung_up,
            holds_request=holds_datagram,
        )
        try:
            return workers.run(debug.connect if debug else None)
        finally:
            if debug:
                debug.close()


def serve(
    application: Application,
    model: Model,
    sock: socket.socket,
    options: Options,
    worker: Worker | None,
) -> None:
    """Serve requests until a signal or end-of-file; return when all that came are answered."""
    limits = limits_of(options)
    adapter = Adapter(
        application,
        multithread=model.multithread,
        multiprocess=worker is not None,
        directory=options.directory,
        body_buffer=limits.body_buffer,
    )
    if options.pdm is not None:
        from ._debug import open_debug_socket

        open_debug_socket(options.pdm, adapter, options.model)

    def leave() -> None:
        source.stop()
        if worker is not None:
            worker.leave()

    def bound_finish() -> None:
        shutdown.begin()

    source = RequestSource(
        sock,
        admit_maker(adapter, limits, leave if worker else None),
        timestamps=limits.queue_timeout is not None,
        worker=worker,
        on_parents_end=bound_finish,
    )
    leave_behind(running.abandon)
    leave_behind(source.abandon)
    shutdown = Shutdown(sock, leave, options.graceful_timeout, stop_on_hangup=worker is None)
    if worker is not None:
        # It is for the parent. SIG_IGN would be inherited by what the application starts.
        handle_signal(signal.SIGHUP, lambda *_: None)
        worker.ready()
    model.serve(source)
    signal.set_wakeup_fd(-1)
    source.close()


def take_socket() -> socket.socket | None:
    """Return the socket on standard input, which reads as empty from then on.

    So neither the application nor programs that it starts can get at other clients' requests.
    Returns None, and leaves standard input as it is, if it isn't the socket of a handler.
    """
    try:
        with socket.socket(fileno=0) as standard_input:
            try:
                if (standard_input.family, standard_input.type) != _HANDLER_SOCKET:
                    return None
                sock = standard_input.dup()
            finally:
                standard_input.detach()
    except OSError:
        return None
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    sock.setblocking(True)
    return sock


def checked(sock: socket.socket | None, program: str) -> socket.socket:
    """Return what `take_socket` has found; raises `StartError` if that is nothing."""
    if sock is None:
        raise StartError(
            "standard input is not the socket of an ashd handler; let a front end start this "
            f"program: ashd-htparser plain:port=8080 -- {program} ..."
        )
    return sock


def _explain(program: str, error: StartError) -> None:
    """Write why the program can't start; what the application raised comes with its traceback."""
    cause = error.__cause__
    if cause is not None and not isinstance(error, UsageError):
        import traceback

        traceback.print_exception(_without_ours(cause))
    sys.stderr.write(f"{program}: {error}\n")


def _without_ours(error: BaseException) -> BaseException:
    """Leave our own and importlib's frames out of a traceback."""
    traceback = error.__traceback__
    while traceback is not None and _is_ours(traceback.tb_frame.f_globals.get("__name__", "")):
        traceback = traceback.tb_next
    return error.with_traceback(traceback)


def _is_ours(module: str) -> bool:
    return f"{module}.".startswith(("ashd.wsgi.", "importlib."))

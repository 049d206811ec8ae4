"""The loop of a persistent handler that answers one request after another."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

from ashd.proto import (
    ProtocolError,
    Receiver,
    Request,
    SendError,
    SpawnError,
    handler_socket,
    printable,
    refuse,
)

logger = logging.getLogger("ashd.util")


def serve_loop(handler: Callable[[Request], object], sock: socket.socket | int = 0) -> None:
    """Receive requests and call `handler(request)` for each, until end-of-file.

    `sock` is the handler's socket or its descriptor, by default standard input; it stays open.
    One request is handled after another. `respond`, `send_response`, `pass_request` and
    `spawn_transient` never wait for a client or a child. A handler that does wait, since it reads
    bodies or writes to `Request.stream`, should be called by several threads, each in a
    `serve_loop` of its own on the same socket: else one slow client stops all others.

    The request is closed when `handler` returns: one that is to live longer is copied with its
    `dup()`. An exception of `handler` is logged with its traceback; if nobody can have written to
    the response socket yet, its client gets a 500, or the status of a `SendError` or `SpawnError`.
    Malformed requests are answered, logged and skipped.

    Raises `HandlerSocketError` for a descriptor that is something else (the program was started by
    hand), and OSError when `sock` can't be received from.
    """
    borrowed = handler_socket(sock) if isinstance(sock, int) else sock
    try:
        receiver = Receiver(borrowed)
        while True:
            try:
                request = receiver.receive()
            except ProtocolError as error:
                logger.warning("refused a request: %s", error)
                continue
            if request is None:
                return
            _handle(handler, request)
    finally:
        if isinstance(sock, int):
            borrowed.detach()


def _handle(handler: Callable[[Request], object], request: Request) -> None:
    try:
        with request:
            try:
                handler(request)
            except Exception as error:
                _log_failure("the handler failed at", request)
                if request.withdraw():
                    refuse(request.detach(), _status(error))
    except OSError:  # what the handler left in the stream couldn't be written
        _log_failure("the response was cut at", request)


def _status(error: Exception) -> int:
    return error.status if isinstance(error, SendError | SpawnError) else 500


def _log_failure(what: str, request: Request) -> None:
    logger.exception("%s %s %s", what, printable(request.method), printable(request.url))

"""The loop of a persistent handler that answers one request after another."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

from ashd.proto import ProtocolError, Receiver, Request, refuse

logger = logging.getLogger("ashd.util")


def serve_loop(handler: Callable[[Request], object], sock: socket.socket | int = 0) -> None:
    """Receive requests and call `handler(request)` for each, until end-of-file.

    `sock` is the handler's socket or its descriptor, by default standard input; it stays open.
    The request is closed when `handler` returns: one that is to live longer is copied with its
    `dup()`. An exception of `handler` is logged with its traceback; its client gets a 500 if the
    response socket was not touched yet. Malformed requests are answered, logged and skipped.

    Raises OSError when `sock` can't be received from.
    """
    borrowed = socket.socket(fileno=sock) if isinstance(sock, int) else sock
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
    with request:
        try:
            handler(request)
        except Exception:
            logger.exception(
                "the handler failed at %s %s", _text(request.method), _text(request.url)
            )
            if request.untouched:
                refuse(request.detach(), 500)


def _text(string: bytes) -> str:
    return string.decode("latin-1")

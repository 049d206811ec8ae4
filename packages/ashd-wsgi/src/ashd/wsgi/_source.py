"""Requests from standard input, as tasks for a model.

The model's leader is the only thread inside `receive`. `stop` may come from anywhere, signal
handlers included. The source borrows the socket, and owns what wakes it.
"""

from __future__ import annotations

import logging
import os
import select
import socket

from ashd.proto import ProtocolError, Receiver

from ._adapter import Adapter
from ._exchange import Exchange

logger = logging.getLogger("ashd.wsgi")


class RequestSource:
    """Receives requests from an ashd handler socket."""

    def __init__(self, sock: socket.socket, adapter: Adapter) -> None:
        """Receive from `sock`, on behalf of `adapter`."""
        self._receive = Receiver(sock).receive
        self._socket = sock
        self._adapter = adapter
        self._stopped = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        self._poll = select.poll()
        self._poll.register(sock, select.POLLIN)
        self._poll.register(self._wake_read, select.POLLIN)

    def receive(self) -> Exchange | None:
        """Wait for a request; None after `stop` or at end-of-file."""
        while not self._stopped:
            try:
                request = self._receive(socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._poll.poll()
            except ProtocolError as error:
                logger.warning("refused a request: %s", error)
            else:
                if request is not None:
                    return Exchange(self._adapter, request)
                self._stopped = True
        return None

    def pending(self, timeout: float) -> bool:
        """Wait up to `timeout` seconds for a request, without receiving it."""
        poll = select.poll()
        poll.register(self._socket, select.POLLIN)
        return bool(poll.poll(timeout * 1000))

    def stop(self) -> None:
        """Receive nothing more."""
        self._stopped = True
        try:
            os.write(self._wake_write, b"x")
        except BlockingIOError:
            pass

    def close(self) -> None:
        """Release what the source owns; the socket stays open."""
        os.close(self._wake_read)
        os.close(self._wake_write)

"""Takes SCGI connections, and makes ashd requests of them.

A request goes to the process' own handler socket, with the connection as its response socket. So
models, workers, limits and the end are those of `ashd-wsgi`; from there on nobody but the exchange
touches the connection.

All of it happens in one thread, which owns the listening sockets, the handler socket's other end,
and connections whose head isn't whole. It waits for no client. It does wait for the handlers: while
those take nothing, new connections stay in the kernel's queue.
"""

from __future__ import annotations

import logging
import select
import socket
import threading
import time
from contextlib import suppress
from itertools import islice

from ashd.proto import HandlerGoneError, QueueFullError, Request, SendError, send_request
from ashd.serve import WakeUp, keep_no_more, leave_behind

from ._errors import BadRequestError
from ._scgi import LEAST_HEAD, MAX_HEAD, head_size, parse_head, request_of

logger = logging.getLogger("ashd.wsgi")

HEAD_TIME = 20.0
"""Seconds that a connection has to send its head."""

_MOST_HEADS = 1000
"""Connections whose heads aren't whole; more wait in the kernel's queue."""

_PAUSE = 0.1
"""Seconds without new connections after there was no room for one."""

_BURST = 64  # connections that are accepted before others get their turn
_REFUSAL = b"Status: 400 Bad Request\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n%b.\n"


class _Connection:
    """A connection whose head isn't whole."""

    def __init__(self, sock: socket.socket) -> None:
        """Own `sock`."""
        self.sock = sock
        self.deadline = time.monotonic() + HEAD_TIME
        self._head = bytearray()
        self._size = 0

    def read(self) -> Request:
        """Read the head, as far as it is there, and nothing of the body.

        The request owns the connection. Raises `BadRequestError`, and OSError if the client has
        left or more is to come.
        """
        while not self._size or len(self._head) < self._size:
            wanted = (self._size or LEAST_HEAD) - len(self._head)
            piece = self.sock.recv(wanted, socket.MSG_DONTWAIT)
            if not piece:
                raise ConnectionResetError
            self._head += piece
            self._size = self._size or head_size(self._head)
        method, url, version, params = request_of(parse_head(bytes(self._head[: self._size])))
        return Request(method, url, version, b"", params, self.sock.detach())


class Acceptor:
    """See the module."""

    def __init__(self, listeners: list[socket.socket], handler: socket.socket) -> None:
        """Own all sockets: accept on `listeners`, send requests to `handler`."""
        self._listeners = {sock.fileno(): sock for sock in listeners}
        self._handler = handler
        self._wakeup = WakeUp()
        self._stopped = False
        self._connections: dict[int, _Connection] = {}
        self._epoll = select.epoll()
        self._accepts = False
        self._accept_at = 0.0
        for sock in listeners:
            sock.setblocking(False)
        self._epoll.register(self._wakeup, select.EPOLLIN)
        leave_behind(self._close)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        where = ", ".join(map(_address, self._listeners.values()))
        logger.info("taking SCGI requests at %s", where)
        threading.Thread(target=self._run, name="scgi-acceptor", daemon=True).start()

    def stop(self) -> None:
        """Take nothing more; the handlers then see the end of their socket. From any thread."""
        self._stopped = True
        self._wakeup.set()

    def _run(self) -> None:
        try:
            while not self._stopped:
                self._turn()
        except HandlerGoneError:  # the process is about to end
            pass
        finally:
            keep_no_more(self._close)
            self._close()

    def _turn(self) -> None:
        now = time.monotonic()
        self._expire(now)
        self._accept_if(now >= self._accept_at and len(self._connections) < _MOST_HEADS)
        for fd, _ in self._epoll.poll(self._patience(now)):
            if fd in self._listeners:
                self._accept(self._listeners[fd])
            elif fd == self._wakeup.fileno():
                self._wakeup.take()
            else:
                self._read(self._connections[fd])

    def _patience(self, now: float) -> float | None:
        times = [connection.deadline for connection in self._oldest()]
        if now < self._accept_at:
            times.append(self._accept_at)
        return max(0.0, min(times) - now) if times else None

    def _oldest(self) -> list[_Connection]:
        """Return the connection that has waited longest, if there is one."""
        return list(islice(self._connections.values(), 1))

    def _expire(self, now: float) -> None:
        while (oldest := self._oldest()) and now >= oldest[0].deadline:
            self._drop(oldest[0])

    # Accepting

    def _accept_if(self, wanted: bool) -> None:
        for fd in self._listeners if wanted != self._accepts else ():
            if wanted:
                self._epoll.register(fd, select.EPOLLIN)
            else:
                self._epoll.unregister(fd)
        self._accepts = wanted

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(_BURST):
            try:
                sock, _address = listener.accept()
            except (BlockingIOError, ConnectionAbortedError, InterruptedError):
                return
            except OSError as error:
                logger.warning("no connection can be accepted for the moment: %s", error.strerror)
                self._accept_at = time.monotonic() + _PAUSE
                return
            sock.setblocking(True)  # as an exchange expects it
            connection = _Connection(sock)
            self._connections[sock.fileno()] = connection
            self._epoll.register(sock, select.EPOLLIN)
            self._read(connection)

    # Heads

    def _read(self, connection: _Connection) -> None:
        fd = connection.sock.fileno()
        try:
            request = connection.read()
        except BlockingIOError:
            return
        except BadRequestError as error:
            logger.info("refused a request: %s", error)
            with suppress(OSError):
                connection.sock.recv(MAX_HEAD, socket.MSG_DONTWAIT)  # unread, it would cut the page
            with suppress(OSError):
                connection.sock.send(_REFUSAL % str(error).encode(), socket.MSG_DONTWAIT)
            self._drop(connection)
        except OSError:
            self._drop(connection)
        else:
            self._forget(fd)
            self._pass_on(request)

    def _pass_on(self, request: Request) -> None:
        """Send a request to the handlers; wait while they take none."""
        with request:
            while True:
                try:
                    send_request(self._handler, request)
                    return
                except QueueFullError:  # too many descriptors are on their way
                    self._wakeup.wait(_PAUSE)
                except HandlerGoneError:
                    raise
                except SendError as error:
                    logger.error("%s", error)
                    return

    def _forget(self, fd: int) -> None:
        del self._connections[fd]
        self._epoll.unregister(fd)

    def _drop(self, connection: _Connection) -> None:
        self._forget(connection.sock.fileno())
        connection.sock.close()

    def _close(self) -> None:
        for connection in list(self._connections.values()):
            connection.sock.close()
        for sock in (*self._listeners.values(), self._handler):
            sock.close()
        self._epoll.close()
        self._wakeup.close()


def _address(listener: socket.socket) -> str:
    """Return where a socket listens, as `--bind` takes it."""
    if listener.family == socket.AF_UNIX:
        return f"unix:{listener.getsockname()}"
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

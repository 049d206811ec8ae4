"""Responses whose clients take them slowly: sent to their end without anybody waiting for it.

`send_response` sends what the socket takes at once. The rest goes to the outbox, which then owns
the socket. One thread sends everything in the outbox, and exists only while there is something. It
is not a daemon thread, so a program that ends finishes its responses first.
"""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time
from dataclasses import dataclass

from ashd.proto import Request

from ._limits import MAX_UNSENT, STALL_TIMEOUT, descriptor_share
from ._threads import HelperThread

_DISCARD = 65536  # bytes of an unwanted request body that are read at a time

logger = logging.getLogger("ashd.util")


def send_response(request: Request, data: bytes) -> None:
    """Send a whole response, head and body, and close the request. This never waits for the client.

    A thread of this library sends what the client doesn't take at once. It throws away what is
    unread of the request's body, for a front end may write all of it before it reads. It is not an
    error if a client goes away, or is cut off for taking nothing in `STALL_TIMEOUT` seconds.

    Any thread may call it. Raises OSError for a descriptor that is not a socket; the request is
    closed in any case.
    """
    try:
        fd = request.detach()
    except (BrokenPipeError, ConnectionResetError):  # its stream could not be flushed
        request.close()
        return
    try:
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)
    except OSError:
        os.close(fd)
        raise
    try:
        left = memoryview(data)
        try:
            sent = sock.send(left, socket.MSG_DONTWAIT)
            left = left[sent:]
        except BlockingIOError:
            pass
        if left:
            OUTBOX.add(sock, left)
            return
    except (BrokenPipeError, ConnectionResetError):
        pass
    except BaseException:
        sock.close()
        raise
    sock.close()


@dataclass(slots=True)
class _Response:
    """What is left of a response. `active_at` is when its client last took or sent a byte."""

    sock: socket.socket
    left: memoryview
    active_at: float


class Outbox:
    """The responses of this process that wait for their clients. Any thread may add one."""

    def __init__(self, *, stall_timeout: float = STALL_TIMEOUT) -> None:
        """Begin with none; cut those whose clients are idle for `stall_timeout` seconds."""
        self._stall_timeout = stall_timeout
        self._lock = threading.Lock()  # guards all below; never held while waiting
        self._responses: dict[int, _Response] = {}  # the one that has been idle for longest first
        self._bytes = 0
        self._epoll: select.epoll | None = None

    def add(self, sock: socket.socket, data: memoryview) -> None:
        """Take over `sock`, send `data` as the client takes it, and close."""
        with self._lock:
            self._make_room(len(data))
            try:
                epoll = self._epoll or self._start()
            except (OSError, RuntimeError) as error:
                logger.warning("a response was cut, since no thread can send it: %s", error)
                sock.close()
                return
            self._responses[sock.fileno()] = _Response(sock, data, time.monotonic())
            self._bytes += len(data)
            epoll.register(sock, select.EPOLLIN | select.EPOLLOUT)

    def _start(self) -> select.epoll:
        epoll = select.epoll()
        thread = HelperThread(target=self._run, args=(epoll,), name="slow responses", daemon=False)
        try:
            thread.start()
        except RuntimeError:
            epoll.close()
            raise
        self._epoll = epoll
        return epoll

    def _make_room(self, size: int) -> None:
        most = descriptor_share()
        while self._responses and (len(self._responses) >= most or self._bytes + size > MAX_UNSENT):
            logger.warning("a response was cut: too many wait for their clients")
            self._drop(next(iter(self._responses)))

    def _drop(self, fd: int) -> None:
        response = self._responses.pop(fd)
        self._bytes -= len(response.left)
        assert self._epoll is not None  # as long as there is a response
        self._epoll.unregister(fd)
        response.sock.close()

    def _run(self, epoll: select.epoll) -> None:
        """Send until nothing is left. Runs in a thread of its own."""
        while True:
            ready = epoll.poll(self._patience())
            with self._lock:
                for fd, events in ready:
                    if fd in self._responses and not self._advance(fd, events, epoll):
                        self._drop(fd)
                self._cut_stalled()
                if not self._responses:
                    self._epoll = None
                    epoll.close()
                    return

    def _advance(self, fd: int, events: int, epoll: select.epoll) -> bool:
        """Send what the client takes now; tell whether more is to be sent."""
        response = self._responses[fd] = self._responses.pop(fd)
        response.active_at = time.monotonic()
        try:
            if events & select.EPOLLIN and not response.sock.recv(_DISCARD, socket.MSG_DONTWAIT):
                epoll.modify(fd, select.EPOLLOUT)
            sent = response.sock.send(response.left, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return True
        except OSError:  # the client is gone
            return False
        response.left = response.left[sent:]
        self._bytes -= sent
        return bool(response.left)

    def _patience(self) -> float:
        """Return how many seconds the one that has been idle for longest may still be so."""
        with self._lock:
            idle = next(iter(self._responses.values()), None)
        return max(0.0, idle.active_at + self._stall_timeout - time.monotonic()) if idle else 0.0

    def _cut_stalled(self) -> None:
        limit = time.monotonic() - self._stall_timeout
        while self._responses:
            fd, response = next(iter(self._responses.items()))
            if response.active_at > limit:
                return
            logger.info("a response was cut: its client took nothing for %g s", self._stall_timeout)
            self._drop(fd)

    def forget(self) -> None:
        """Close what is another process's now: called in a child after a fork."""
        self._lock = threading.Lock()
        for response in self._responses.values():
            response.sock.close()
        self._responses = {}
        self._bytes = 0
        if self._epoll is not None:
            self._epoll.close()
            self._epoll = None


OUTBOX = Outbox()
"""One for the process."""

os.register_at_fork(after_in_child=OUTBOX.forget)

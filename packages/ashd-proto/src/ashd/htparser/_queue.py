"""The socket on which requests wait for the root handler.

Called in the event loop's thread; `RequestQueue` is made before there is a loop. It owns both ends
of the socket. The handler's end stays open here for two reasons: what is queued outlives a handler
that has died and is started again; and what no handler has received in time can be received, and so
taken back, here. The kernel gives each datagram to one receiver, so a request is either a handler's
or taken back, never both. The handler sees end-of-file when our end closes.
"""

from __future__ import annotations

import array
import errno
import os
import select
import socket
from _socket import socketpair as raw_socketpair
from collections import deque
from collections.abc import Callable, Mapping

from ashd.proto import MAX_DATAGRAM
from ashd.proto._ready import READY_WORD

from ._errors import StartError
from ._exchange import Exchange
from ._poller import Poller

Sent = Callable[[], Mapping[bytes, Exchange]]
"""Finds the exchanges that may be in the queue, by their connections' IDs."""

CONNECTION_ID = b"X-Ash-Connection-ID"

# socket.socketpair() wraps these in a class of its own, at the cost of two system calls and several
# microseconds a request; nothing of that class is needed here.
_RIGHTS = (socket.SOL_SOCKET, socket.SCM_RIGHTS)
_ONE_RIGHT = socket.CMSG_SPACE(array.array("i").itemsize)
_OVERLOADED = "The server is overloaded."
_SHUTTING_DOWN = "The server is shutting down."


class RequestQueue:
    """See the module."""

    def __init__(self) -> None:
        """Make the socket; raises `StartError`."""
        self._ours: socket.socket | None
        self._ours, self._theirs = _socket_pair()
        self._broken = False
        self._waiting: deque[Exchange] = deque()
        self._poller: Poller | None = None
        self._sent: Sent = dict
        self._on_ready: Callable[[], object] = _nothing
        self._refusal = ""
        self._mark = b""

    def handler_end(self) -> int:
        """Return the descriptor that the root handler gets as its standard input."""
        return self._theirs.fileno()

    def attach(self, poller: Poller, sent: Sent, on_ready: Callable[[], object]) -> None:
        """Work in an event loop; `on_ready` is called when a handler says that it receives."""
        self._poller, self._sent, self._on_ready = poller, sent, on_ready
        self._listen()

    def submit(self, exchange: Exchange, expires: float) -> None:
        """Hand a request to the handler, or keep it until there is room in the socket.

        Unless a handler has received it when it `expires`, it is answered with 503.
        """
        exchange.expires = expires
        if self._refusal or self._ours is None:
            exchange.fail(503, self._refusal)
        elif self._waiting or not self._send(self._ours, exchange):
            self._waiting.append(exchange)

    def sweep(self, now: float) -> None:
        """Give up on requests that waited too long; try the others again."""
        self._take_back(now)
        while self._waiting and (not self._waiting[0].waiting or now >= self._waiting[0].expires):
            exchange = self._waiting.popleft()
            if exchange.waiting:
                exchange.fail(503, _OVERLOADED)
        self._send_waiting()

    def refuse(self, why: str) -> None:
        """Answer with 503 what is queued and what comes, until `accept`: nobody receives."""
        self._refusal = why
        self._take_back(None)
        self._fail_waiting(why)

    def accept(self) -> None:
        """Take requests again."""
        if self._ours is not None:
            self._refusal = ""

    def end(self) -> None:
        """Let the handler see end-of-file after what is queued; refuse all else."""
        if self._ours is None:
            return
        sock, self._ours = self._ours, None
        self._refusal = _SHUTTING_DOWN
        self._close(sock)
        self._fail_waiting(_SHUTTING_DOWN)

    def close(self) -> None:
        """Close both ends."""
        self.end()
        self._theirs.close()

    def prepare(self) -> None:
        """Make ready for a new handler, and watch whether it receives anything: see `touched`.

        A handler may have shut the socket down, for all processes that have it: then there is a new
        one, and what was queued is lost. Raises `StartError`.
        """
        if self._broken and self._ours is not None:
            self._take_back(None)
            self._close(self._ours)
            self._theirs.close()
            self._ours, self._theirs = _socket_pair()
            self._broken = False
            self._listen()
        self._mark = _connection_id(self._peek())

    @property
    def touched(self) -> bool:
        """Whether a handler has received anything since `prepare`."""
        return bool(self._mark) and _connection_id(self._peek()) != self._mark

    # Sending

    def _listen(self) -> None:
        if self._poller is not None and self._ours is not None:
            self._poller.add(self._ours.fileno(), select.EPOLLIN, self._socket_ready)

    def _close(self, sock: socket.socket) -> None:
        if self._poller is not None:
            self._poller.forget(sock.fileno())
        sock.close()

    def _fail_waiting(self, why: str) -> None:
        while self._waiting:
            exchange = self._waiting.popleft()
            if exchange.waiting:
                exchange.fail(503, why)

    def _socket_ready(self, events: int) -> None:
        if events & (select.EPOLLIN | select.EPOLLHUP | select.EPOLLERR):
            self._hear()
        self._send_waiting()

    def _hear(self) -> None:
        """Take in what handlers say; a word that isn't known means nothing."""
        if self._ours is not None:
            try:
                word = self._ours.recv(len(READY_WORD) + 1, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                word = b""
            if word == READY_WORD:
                self._on_ready()
            elif not word:
                self._break()

    def _break(self) -> None:
        """A handler has shut the socket down: no request gets through, and nothing is watched."""
        self._broken = True
        if self._ours is not None and self._poller is not None:
            self._poller.remove(self._ours.fileno())

    def _send_waiting(self) -> None:
        if not self._waiting:
            return
        while self._waiting and self._ours is not None:
            if self._waiting[0].waiting and not self._send(self._ours, self._waiting[0]):
                return
            self._waiting.popleft()
        self._watch(0)

    def _watch(self, events: int) -> None:
        if self._ours is not None and self._poller is not None and not self._broken:
            self._poller.modify(self._ours.fileno(), select.EPOLLIN | events)

    def _send(self, sock: socket.socket, exchange: Exchange) -> bool:
        """Send a request with its response socket; False when it has to wait."""
        try:
            ours, theirs = raw_socketpair()
        except OSError:
            self._watch(0)  # out of descriptors: the sweep tries again
            return False
        try:
            rights = array.array("i", [theirs.fileno()])
            sock.sendmsg([exchange.datagram], [(*_RIGHTS, rights)], socket.MSG_DONTWAIT)
        except OSError as error:
            ours.close()
            return self._not_sent(exchange, error)
        finally:
            theirs.close()
        if not self._mark:
            self._mark = _connection_id(exchange.datagram)
        exchange.connect(ours)
        return True

    def _not_sent(self, exchange: Exchange, error: OSError) -> bool:
        """Return whether the request is done with; it may wait for anything that can pass.

        Waiting for room in the queue is left to the poller; the rest (no memory, too many
        descriptors in flight) isn't seen there, and is left to the sweep.
        """
        if error.errno == errno.EMSGSIZE:
            exchange.fail(431, "The request head is too large for the handler's socket.")
            return True
        if error.errno == errno.EPIPE:
            self._break()
        self._watch(select.EPOLLOUT if isinstance(error, BlockingIOError) else 0)
        return False

    # Taking back

    def _peek(self) -> bytes:
        """Return the first datagram, which stays where it is, without its descriptor; or b""."""
        try:
            return self._theirs.recv(MAX_DATAGRAM, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return b""

    def _take_back(self, now: float | None) -> None:
        """Take back what expired before `now` (None: everything), and what has lost its client."""
        first = self._peek()
        if not first:
            return
        sent = self._sent()
        marked = False
        while first and _is_over(sent.get(_connection_id(first)), now):
            marked |= _connection_id(first) == self._mark
            self._receive(sent, now)
            first = self._peek()
        if marked:
            self._mark = _connection_id(first)

    def _receive(self, sent: Mapping[bytes, Exchange], now: float | None) -> None:
        """Receive the first datagram, by now perhaps another one than that which was looked at."""
        try:
            datagram, ancillary, _, _ = self._theirs.recvmsg(
                MAX_DATAGRAM, _ONE_RIGHT, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except OSError:  # a handler was faster
            return
        exchange = sent.get(_connection_id(datagram))
        over = _is_over(exchange, now)
        for _, _, rights in ancillary:
            over = over or not self._send_again(datagram, rights)
            os.close(array.array("i", rights)[0])
        if over and exchange is not None:
            exchange.fail(503, self._refusal or _OVERLOADED)

    def _send_again(self, datagram: bytes, rights: bytes) -> bool:
        if self._ours is None:
            return False
        try:
            self._ours.sendmsg([datagram], [(*_RIGHTS, rights)], socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True


def _is_over(exchange: Exchange | None, now: float | None) -> bool:
    return exchange is None or now is None or now >= exchange.expires


def _connection_id(datagram: bytes) -> bytes:
    """Find the last header of that name, which is the front end's own: clients can't send it."""
    return datagram.rpartition(CONNECTION_ID + b"\0")[2].partition(b"\0")[0]


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    try:
        return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    except OSError as error:
        raise StartError(f"can't make the root handler's socket: {error.strerror}") from error


def _nothing() -> None:
    pass

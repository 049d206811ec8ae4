"""What lies in the root handler's socket: it is kept for the handler, for as long as it may wait.

Called in the event loop's thread; a `Keeper` is made before there is a loop. It owns the handler's
end of the socket, which stays open here for two reasons: what is queued outlives a handler that has
died and is started again; and what no handler has received in time can be received, and so taken
back, here. The kernel gives each datagram to one receiver, so a request is either a handler's or
taken back, never both.

What is taken back is answered on its response socket, as a handler would do it: so it doesn't
matter which process sent it. Each request says until when it may wait.
"""

from __future__ import annotations

import array
import math
import select
import socket
from collections.abc import Callable

from ashd.proto import MAX_DATAGRAM, printable, refusal
from ashd.proto._ready import LOADING_WORD, LONGEST_DESCRIPTION, READY_WORD

from ._errors import StartError
from ._limits import ACCEPT_BURST, REQUESTS_LYING, RETRY_AFTER
from ._poller import Poller

_ONE_RIGHT = socket.CMSG_SPACE(array.array("i").itemsize)
_UNAVAILABLE = refusal(503, f"Retry-After: {RETRY_AFTER}\r\n")
_LONGEST_WORDS = len(READY_WORD) + 1 + LONGEST_DESCRIPTION
_HEADER = b"X-Ash-Framing"
_UNTIL = b", until="


def framing_header(until: float) -> tuple[bytes, bytes]:
    """Return the header that tells handlers of our framing, and us how long the request may wait.

    `until` is seconds on the system's monotonic clock, the same in all processes. It has to be the
    last header of a request. See docs/reference/protocol-agreement.md.
    """
    return _HEADER, b"certain, chunked%b%.3f" % (_UNTIL, until)


class Keeper:
    """See the module."""

    def __init__(self) -> None:
        """Make the socket; raises `StartError`. `new_sender` gives the other end."""
        self._ours, self._theirs = _socket_pair()
        self._broken = False
        self._refusing = False
        self._poller: Poller | None = None
        self._on_ready: Callable[[], object] = lambda: None
        self._first = b""
        self.description = ""
        """What the handler that has loaded says that it serves."""
        self.promised = False
        """Whether the handler has said that it loads, and so will say that it has loaded."""

    def fileno(self) -> int:
        """Return the descriptor that the root handler gets as its standard input."""
        return self._theirs.fileno()

    def new_sender(self) -> socket.socket:
        """Return another descriptor of the end that requests are sent to, the caller's own."""
        return self._ours.dup()

    def attach(self, poller: Poller, on_ready: Callable[[], object]) -> None:
        """Work in an event loop; `on_ready` is called when a handler says that it receives."""
        self._poller, self._on_ready = poller, on_ready
        poller.add(self._ours.fileno(), select.EPOLLIN, self._hear)

    def prepare(self) -> bool:
        """Make ready for a new handler; return whether there is a new socket.

        A handler may have shut the socket down, for all processes that have it; what was queued
        is lost then. Raises `StartError`.
        """
        renew = self._broken
        if renew:
            ours, theirs = _socket_pair()
            self.refuse()
            self.close()
            self._ours, self._theirs = ours, theirs
            self._broken = False
            assert self._poller is not None  # which has told of it
            self.attach(self._poller, self._on_ready)
        self.accept()
        self.promised = False
        self._first = self._peek()
        return renew

    def note(self, datagram: bytes) -> None:
        """Take note of the first request that was sent since `prepare`."""
        self._first = self._first or datagram

    @property
    def touched(self) -> bool:
        """Whether a handler has received anything since `prepare`, as far as is known here."""
        first = self._peek()
        self._first = self._first or first
        return first != self._first

    def sweep(self, now: float) -> None:
        """Take back what has waited for too long."""
        while now >= _until(self._peek()):
            self._take(now)

    def refuse(self) -> None:
        """Answer all that is queued and all that comes, until `accept`: no handler receives."""
        if not self._refusing:
            self._refusing = True
            if self._poller is not None:
                self._poller.add(self._theirs.fileno(), select.EPOLLIN, self._refuse_some)
        while self._take(math.inf):
            pass

    def accept(self) -> None:
        """Leave requests to a handler again."""
        if self._refusing and self._poller is not None:
            self._poller.remove(self._theirs.fileno())
        self._refusing = False

    def end(self) -> None:
        """Close the sending end: with that of all senders, the handler sees end-of-file."""
        if self._poller is not None:
            self._poller.forget(self._ours.fileno())
        self._ours.close()

    def close(self) -> None:
        """Close both ends."""
        self.accept()
        self.end()
        self._theirs.close()

    def _hear(self, _events: int) -> None:
        """Take in what handlers say; a word that isn't known means nothing."""
        try:
            words = self._ours.recv(_LONGEST_WORDS, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        word, _, description = words.partition(b" ")
        if word == READY_WORD:
            self.description = printable(description, LONGEST_DESCRIPTION)
            self._on_ready()
        elif word == LOADING_WORD:
            self.promised = True
        elif not words:
            assert self._poller is not None
            self._broken = True
            self._poller.remove(self._ours.fileno())

    def _refuse_some(self, _: int) -> None:
        for _ in range(ACCEPT_BURST):
            if not self._take(math.inf):
                return

    def _peek(self) -> bytes:
        """Return the first datagram, which stays where it is, without its descriptor; or b""."""
        try:
            return self._theirs.recv(MAX_DATAGRAM, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return b""

    def _take(self, now: float) -> bool:
        """Receive the first datagram, and answer it if its time is over; False if there is none.

        It may be another one than that which was looked at, if a handler was faster.
        """
        try:
            datagram, ancillary, _, _ = self._theirs.recvmsg(
                MAX_DATAGRAM, _ONE_RIGHT, socket.MSG_DONTWAIT | socket.MSG_CMSG_CLOEXEC
            )
        except OSError:
            return False
        if not datagram:  # end-of-file: nobody can send any more
            if self._poller is not None:
                self._poller.remove(self._theirs.fileno())
            return False
        if datagram == self._first:
            self._first = b""
        for _, _, rights in ancillary:
            with socket.socket(fileno=array.array("i", rights)[0]) as response:
                if now >= _until(datagram) or not self._put_back(datagram, response):
                    _answer(response)
        return True

    def _put_back(self, datagram: bytes, response: socket.socket) -> bool:
        fds = array.array("i", [response.fileno()])
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)]
        try:
            self._ours.sendmsg([datagram], rights, socket.MSG_DONTWAIT)
        except OSError:
            return False
        return True


def _answer(response: socket.socket) -> None:
    try:
        response.send(_UNAVAILABLE, socket.MSG_DONTWAIT)
    except OSError:  # the client has left
        pass


def _until(datagram: bytes) -> float:
    """Return until when a request may wait: the end of its last header says so."""
    if not datagram:
        return math.inf
    try:
        return float(datagram.rpartition(_UNTIL)[2].rstrip(b"\0"))
    except ValueError:
        return math.inf  # nobody sends such a one


def _socket_pair() -> tuple[socket.socket, socket.socket]:
    try:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, REQUESTS_LYING)
        return ours, theirs
    except OSError as error:
        raise StartError(f"can't make the root handler's socket: {error.strerror}") from error

"""Requests over sockets: the thin shell around the codec.

A handler's socket is `AF_UNIX`, `SOCK_SEQPACKET`; each datagram carries one descriptor
(`SCM_RIGHTS`). Every descriptor that arrives here is either handed on in a `Request` or closed.
"""

from __future__ import annotations

import array
import errno
import mmap
import socket
import struct

from ._codec import decode_request
from ._errors import (
    DecodeError,
    DescriptorError,
    HandlerGoneError,
    HandlerSocketError,
    ProtocolError,
    QueueFullError,
    RequestTooLargeError,
    SendError,
    TruncatedError,
)
from ._hangup import SO_TIMESTAMPNS, at_end
from ._ready import tell_ready
from ._refuse import close_quietly, refuse
from ._request import Request
from ._reserve import NO_DESCRIPTORS, RESERVE

MAX_DATAGRAM = 1 << 20
"""Bytes that a request may have. A front end that allows heads of 64 KiB makes datagrams of twice
that (the url travels as url and as rest string); a socket's default send buffer ends at 208 KiB.
The buffer is mapped, not allocated: what no request ever touches costs nothing."""

_MAX_DESCRIPTORS = 16  # more than one is an error; room for some lets them be closed and told apart
_RIGHTS = int(socket.SCM_RIGHTS)
_INT = array.array("i").itemsize
_unpack = struct.Struct("i").unpack
_TIMESTAMP = 16  # struct timespec on 64-bit systems
_ANCILLARY = socket.CMSG_SPACE(_MAX_DESCRIPTORS * _INT) + socket.CMSG_SPACE(_TIMESTAMP)
_CLOEXEC = int(getattr(socket, "MSG_CMSG_CLOEXEC", 0))  # an int: operations on enums take long
_CUT = int(socket.MSG_TRUNC | socket.MSG_CTRUNC)

Ancillary = list[tuple[int, int, bytes]]


class Receiver:
    """Receives requests from one handler socket.

    It borrows the socket, which must stay open as long as it is used, and keeps one buffer: one
    thread at a time may be inside `receive`. Several receivers, in any number of threads and
    processes, may share a socket; the kernel gives each datagram to one of them.
    """

    __slots__ = ("_buffer", "_buffers", "_recvmsg_into", "_sock")

    def __init__(self, sock: socket.socket, *, timestamps: bool = False) -> None:
        """Receive from `sock`; with `timestamps`, fill in `Request.arrival_ns` (Linux only).

        The first receiver of a process tells the front end, if that asks for it, that the handler
        has loaded.
        """
        self._buffer = memoryview(mmap.mmap(-1, MAX_DATAGRAM))
        self._buffers = [self._buffer]
        self._sock = sock
        self._recvmsg_into = sock.recvmsg_into
        RESERVE.measure()
        if timestamps:
            sock.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        tell_ready(sock)

    def receive(self, flags: int = 0) -> Request | None:
        """Wait for a request and return it; None at end-of-file.

        `flags` are added to those of recvmsg(2). When descriptors run out, it waits before it takes
        a request whose response socket would be lost, and says so in the log.

        Raises `ProtocolError` for a datagram that can't be served: its client has been answered and
        its descriptors are closed, so the caller logs it and goes on. Raises OSError as recvmsg(2)
        does (`BlockingIOError` with `MSG_DONTWAIT`, for want of descriptors as well).
        """
        if RESERVE.short:
            RESERVE.wait(self._sock, flags)
        while True:
            try:
                size, ancillary, seen, _ = self._recvmsg_into(
                    self._buffers, _ANCILLARY, flags | _CLOEXEC
                )
                break
            except OSError as error:
                if error.errno not in NO_DESCRIPTORS:
                    raise
                RESERVE.wait_after(error, flags)
        if not size and not ancillary and at_end(self._sock):
            return None
        datagram = bytes(self._buffer[:size])
        if (
            len(ancillary) == 1
            and ancillary[0][1] == _RIGHTS
            and len(ancillary[0][2]) == _INT
            and not seen & _CUT
        ):
            fd: int = _unpack(ancillary[0][2])[0]
            arrival_ns = None
        else:
            if seen & socket.MSG_CTRUNC:
                RESERVE.expect_shortage(lost=True)
            fd, arrival_ns = _open_ancillary(datagram, ancillary, seen)
        if fd >= RESERVE.ceiling:
            RESERVE.expect_shortage()
        try:
            fields = decode_request(datagram)
        except DecodeError as error:
            refuse(fd, error.status)
            raise
        request = Request(*fields, fd)
        request.arrival_ns = arrival_ns
        return request


def _open_ancillary(datagram: bytes, ancillary: Ancillary, seen: int) -> tuple[int, int | None]:
    """Return the one descriptor and the time stamp; refuse any other number."""
    fds = array.array("i")
    arrival_ns = None
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == _RIGHTS:
            fds.frombytes(data[: len(data) // _INT * _INT])
        elif level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
            seconds, nanoseconds = array.array("q", data)
            arrival_ns = seconds * 1_000_000_000 + nanoseconds
    error = _complaint(datagram, len(fds), seen)
    if error is None:
        return fds[0], arrival_ns
    for position, fd in enumerate(fds):
        if position:
            close_quietly(fd)
        else:
            refuse(fd, error.status)
    raise error


def _complaint(datagram: bytes, descriptors: int, seen: int) -> ProtocolError | None:
    if seen & socket.MSG_TRUNC:
        status = 414 if datagram.count(b"\0") < 4 else 431  # cut before the headers, or in them
        return TruncatedError(f"a request of more than {MAX_DATAGRAM} bytes was cut", status)
    if not descriptors and seen & socket.MSG_CTRUNC:
        return DescriptorError("a request's response socket was lost: out of descriptors")
    if not descriptors:
        return DescriptorError("a request came without a response socket")
    if descriptors > 1 or seen & socket.MSG_CTRUNC:
        return DescriptorError("a request came with more than one descriptor")
    return None


def handler_socket(fd: int = 0) -> socket.socket:
    """Return the handler socket that the descriptor `fd` is, by default standard input.

    The socket object owns the descriptor: `detach` it to leave it open. Raises
    `HandlerSocketError`; the descriptor is still the caller's then.
    """
    try:
        sock = socket.socket(fileno=fd)
    except OSError as error:
        raise HandlerSocketError(error.errno, _no_handler_socket(fd)) from error
    if (sock.family, sock.type) != (socket.AF_UNIX, socket.SOCK_SEQPACKET):
        sock.detach()
        raise HandlerSocketError(errno.EPROTOTYPE, _no_handler_socket(fd))
    return sock


def _no_handler_socket(fd: int) -> str:
    if fd:
        return f"descriptor {fd} is not a handler socket"
    return (
        "standard input is not a handler socket: start this program from a front end, "
        "like this: ashd-htparser plain:port=8080 -- PROGRAM"
    )


def recv_request(sock: socket.socket | int = 0) -> Request | None:
    """Receive one request from a handler socket or its descriptor, by default standard input.

    Returns and raises what `Receiver.receive` does. A loop is served better by a `Receiver`, which
    keeps its buffer. Raises `HandlerSocketError` for a descriptor of something else.
    """
    with _borrowed(sock) as borrowed:
        return Receiver(borrowed.sock).receive()


def send_request(sock: socket.socket | int, request: Request, flags: int = 0) -> None:
    """Hand a request to the handler at the other end of `sock` (a socket or a descriptor).

    The handler gets a descriptor of its own: the caller still owns the request, and closes it.
    Waits while the handler's queue is full, unless `sock` doesn't block or `flags` (those of
    sendmsg(2)) have `MSG_DONTWAIT`.

    Raises `EncodeError`; `QueueFullError`, `HandlerGoneError`, `RequestTooLargeError`, or another
    `SendError`; `HandlerSocketError` for a descriptor of something else. The request hasn't been
    sent then.
    """
    datagram = request.encode()
    rights = array.array("i", [request.fileno()])
    with _borrowed(sock) as borrowed:
        try:
            borrowed.sock.sendmsg(
                [datagram], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)], flags
            )
        except OSError as error:
            raise _send_error(error, len(datagram), borrowed.sock) from error
        request.share()


def _send_error(error: OSError, size: int, sock: socket.socket) -> SendError:
    if isinstance(error, BlockingIOError | TimeoutError):
        return QueueFullError(errno.EAGAIN, "the handler's socket takes no more requests now")
    if error.errno == errno.ETOOMANYREFS:  # as many as RLIMIT_NOFILE allows, unless it is root
        return QueueFullError(errno.EAGAIN, "too many descriptors are on their way to handlers now")
    if isinstance(error, ConnectionError) or error.errno in (errno.ENOTCONN, errno.ESHUTDOWN):
        return HandlerGoneError(errno.EPIPE, "the handler has closed its socket")
    if error.errno == errno.EMSGSIZE:
        limit = sock.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        return RequestTooLargeError(
            errno.EMSGSIZE,
            f"a request of {size} bytes can't be sent: the socket's send buffer has {limit} bytes; "
            "answer it with 414 or 431, or enlarge the buffer (SO_SNDBUF, net.core.wmem_max)",
        )
    return SendError(error.errno, f"a request could not be sent: {error.strerror}")


class _borrowed:  # noqa: N801 - used like a function
    """A socket object around a descriptor that stays somebody else's."""

    __slots__ = ("_own", "sock")

    def __init__(self, sock: socket.socket | int) -> None:
        self._own = isinstance(sock, int)
        self.sock = handler_socket(sock) if isinstance(sock, int) else sock

    def __enter__(self) -> _borrowed:
        return self

    def __exit__(self, *_: object) -> None:
        if self._own:
            self.sock.detach()

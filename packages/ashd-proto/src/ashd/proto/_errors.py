"""The exceptions of this distribution, all of them below `Error`."""

from __future__ import annotations


class Error(Exception):
    """The base class of all exceptions of ashd-proto."""


class ProtocolError(Error):
    """Something that came in is not the ashd protocol.

    `status` is the HTTP status with which the client was, or would best be, answered.
    """

    status = 400


class DecodeError(ProtocolError):
    """A datagram is not a well-formed request."""


class TruncatedError(ProtocolError):
    """A datagram was larger than the receive buffer, so that its end is lost."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class DescriptorError(ProtocolError):
    """A datagram came without a response socket, or with more than one descriptor."""


class HandlerSocketError(Error, OSError):
    """What should be a handler's socket is something else, or closed."""


class EncodeError(Error, ValueError):
    """A request can't be expressed in the protocol (a NUL byte, an empty header name)."""


class SendError(Error, OSError):
    """A request could not be handed to a handler. The request is still the caller's.

    `status` is the HTTP status with which its client is best answered.
    """

    status = 502


class QueueFullError(SendError, BlockingIOError):
    """The handler's socket takes no more datagrams at the moment (EAGAIN, ETOOMANYREFS)."""

    status = 503


class HandlerGoneError(SendError, ConnectionError):
    """Nobody has the other end of the handler's socket any more."""


class RequestTooLargeError(SendError):
    """The datagram is larger than the socket's send buffer allows (EMSGSIZE)."""

    status = 431


class SpawnError(Error, OSError):
    """A handler program could not be started.

    `status` is the HTTP status with which the client of its request is best answered.
    """

    status = 502

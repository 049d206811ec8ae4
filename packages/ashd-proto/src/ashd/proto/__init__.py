"""The ashd protocol: requests as datagrams, each with a response socket.

For handlers and for programs that call them. `encode_request` and `decode_request` work on bytes
alone; `Receiver`, `recv_request` and `send_request` on the `AF_UNIX` `SOCK_SEQPACKET` socket that a
handler has as its standard input. A `Request` owns its response socket. Nothing here starts a
thread or keeps state between calls.
"""

from ._codec import Fields, Headers, decode_request, encode_request
from ._errors import (
    DecodeError,
    DescriptorError,
    EncodeError,
    Error,
    HandlerGoneError,
    HandlerSocketError,
    ProtocolError,
    QueueFullError,
    RequestTooLargeError,
    SendError,
    SpawnError,
    TruncatedError,
)
from ._hangup import at_end, holds_datagram, hung_up
from ._ready import describe_handler, tell_loading
from ._refuse import refusal, refuse
from ._request import Request
from ._request_id import REQUEST_ID, request_ids
from ._text import printable
from ._transport import MAX_DATAGRAM, Receiver, handler_socket, recv_request, send_request

# The names of the original library.
req = Request
protoerr = ProtocolError
recvreq = recv_request
sendreq = send_request

__all__ = [
    "MAX_DATAGRAM",
    "REQUEST_ID",
    "DecodeError",
    "DescriptorError",
    "EncodeError",
    "Error",
    "Fields",
    "HandlerGoneError",
    "HandlerSocketError",
    "Headers",
    "ProtocolError",
    "QueueFullError",
    "Receiver",
    "Request",
    "RequestTooLargeError",
    "SendError",
    "SpawnError",
    "TruncatedError",
    "at_end",
    "decode_request",
    "describe_handler",
    "encode_request",
    "handler_socket",
    "holds_datagram",
    "hung_up",
    "printable",
    "protoerr",
    "recv_request",
    "recvreq",
    "refusal",
    "refuse",
    "req",
    "request_ids",
    "send_request",
    "sendreq",
    "tell_loading",
]

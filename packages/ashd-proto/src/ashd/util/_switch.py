"""Switching protocols: a handler takes its client's bytes over (spec/1, RFC 9110, 7.8).

The head of the response and one descriptor go out with one `sendmsg`. From then on the front end
copies bytes between the client and that descriptor, and knows nothing of what they mean.
"""

from __future__ import annotations

import array
import re
import socket

from ashd.proto import Request

from ._respond import send_all

_HEAD = re.compile(rb"(HTTP/1\.[01] 101[^\n]*\n)((?:[^\r\n][^\n]*\n)*\r?\n)")
_SWITCH = b"X-Ash-Switch: duplex\r\n"


def switch_protocol(request: Request, head: bytes) -> socket.socket:
    """Send the head of a 101 response, and return the client's byte stream. Closes the request.

    `head` is what the client gets: the status line with 101, the headers, which name the new
    protocol in `Upgrade`, and the empty line; WebSocket libraries make it. The request must have
    asked for that protocol, and its body, if there is one, must have been read: what isn't, is
    lost.

    The stream is a blocking socket, the caller's own. Bytes that the client has sent ahead are in
    it. `shutdown(SHUT_WR)` tells the client that nothing more comes, while it may still send;
    end-of-file means that it won't. Closing the socket ends the connection. It is not an error if
    the client has gone away: the stream is at its end then. When the handler's own socket is at
    its end, the front end is stopping, and cuts the streams that are left after a while.

    Any thread may call it. Raises ValueError for something else than such a head, and OSError when
    there are no descriptors left; nothing has been sent then, and the request stays open.
    """
    message = _with_switch(head)
    ours, theirs = socket.socketpair()
    try:
        with theirs:
            _send(request, message, theirs)
    except BaseException:
        ours.close()
        raise
    return ours


def send_switch(request: Request, head: bytes, sock: socket.socket) -> None:
    """Send the head of a 101 response, and connect the client with `sock`. Closes the request.

    Like `switch_protocol`, for a stream socket that is there already, such as a connection to the
    server that speaks the protocol. The front end gets a descriptor of its own: `sock` stays the
    caller's, who should close it, as it reads from the same stream.
    """
    _send(request, _with_switch(head), sock)


def _with_switch(head: bytes) -> bytes:
    match = _HEAD.fullmatch(head)
    if match is None:
        raise ValueError(f"not the whole head of a response with status 101: {head[:200]!r}")
    return match[1] + _SWITCH + match[2]


def _send(request: Request, message: bytes, stream: socket.socket) -> None:
    rights = array.array("i", [stream.fileno()])
    try:
        sent = request.socket.sendmsg([message], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        send_all(request.socket, message[sent:])
    except (BrokenPipeError, ConnectionResetError):
        pass
    request.close()

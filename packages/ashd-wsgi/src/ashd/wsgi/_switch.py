"""Switching protocols: an application takes its client's byte stream over (RFC 9110, 7.8).

The environ of a request that asks for another protocol (`Upgrade`) has two ways to that. Neither
makes a socket before the application uses it. `ashd.switch` is our own. Libraries that speak
WebSocket look for the server's socket under names of other servers, and write the whole response to
it: `FirstHead` takes that response for them. The thread that runs the request uses all this, until
there is a stream.
"""

from __future__ import annotations

import array
import errno
import re
import select
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ._channel import Channel
from ._errors import ResponseError
from ._head import MAX_HEAD, header_bytes
from ._response import Response
from ._streams import Stream, stream_pair

if TYPE_CHECKING:
    from ._adapter import Guard

NAMES = ("werkzeug.socket", "gunicorn.socket")
"""Where libraries look for the client's socket."""

_HEAD = re.compile(rb"HTTP/1\.[01] (101[^\r\n]*)\r?\n((?:[^\r\n][^\n]*\n)*\r?\n)")
_SWITCH = b"HTTP/1.1 %b\r\nX-Ash-Switch: duplex\r\n%b"
_PROTOCOLS = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z/, ]+")


def may_switch(environ: dict[str, Any]) -> bool:
    """Tell whether the client asks for another protocol; front ends allow it to no others."""
    options = environ.get("HTTP_CONNECTION", "").lower().split(",")
    return environ["SERVER_PROTOCOL"] == "HTTP/1.1" and "upgrade" in map(str.strip, options)


class Switch:
    """The way of one request to its client's stream. The stream is the application's."""

    def __init__(
        self,
        channel: Channel,
        response: Response,
        guard: Guard | None,
        on_switch: Callable[[], object],
    ) -> None:
        """Send the head of `response` on `channel` once, and call `on_switch` then."""
        self._channel = channel
        self._response = response
        self._guard = guard
        self._on_switch = on_switch
        self._stream: Stream | None = None
        self._ends_with_request = False

    def offer(self, environ: dict[str, Any]) -> None:
        """Put what applications use into the environ of the request."""
        environ["ashd.switch"] = self.switch
        environ.update(dict.fromkeys(NAMES, FirstHead(self.switch_with_request)))

    def switch(self, head: object) -> Stream:
        """Send a response with status 101, and return the client's byte stream.

        `head` is a list of headers as for `start_response`, with the new protocol in `Upgrade`; or
        the whole head as bytes. The stream is a blocking socket, the caller's own, which outlives
        the request. Raises `ResponseError` for what can't be sent and when a response has begun,
        and OSError when there are no descriptors left; nothing has been sent then.
        """
        return self._switch(head if isinstance(head, bytes) else _head_of(head))

    def switch_with_request(self, head: bytes) -> Stream:
        """Switch as `switch` does; the client's end of the stream comes when the request ends."""
        self._ends_with_request = True
        return self._switch(head)

    def _switch(self, head: bytes) -> Stream:
        match = _HEAD.fullmatch(head) if len(head) <= MAX_HEAD else None
        if match is None:
            raise ResponseError(
                f"not the whole head of a response with status 101: {head[:200]!r}; others are "
                "sent by start_response"
            )
        if self._channel.fd < 0:
            raise ResponseError("protocols can't be switched after the request's end")
        stream, theirs = stream_pair()
        try:
            with theirs:
                self._response.switch(match[1])
                if self._guard is not None:
                    self._guard.let_go()
                _send(self._channel, _SWITCH % match.groups(), theirs)
        except BaseException:
            stream.close()
            raise
        self._stream = stream
        self._on_switch()
        return stream

    def end(self, *, failed: bool) -> None:
        """Take note that the application has returned, or has `failed`: then nobody owns it.

        What a library may just be sending, from a thread of its own, still arrives.
        """
        if self._stream is not None and self._ends_with_request:
            self._stream.end()
        elif self._stream is not None and failed:
            self._stream.end(socket.SHUT_RDWR)
        self._stream = None


class FirstHead:
    """Looks like the client's socket, to libraries that write the head of the response to it.

    Once that was sent, everything else goes to the stream. Other servers close their clients'
    sockets after the request; this one is closed when nobody has it any more.
    """

    def __init__(self, switch: Callable[[bytes], Stream]) -> None:
        """Get the stream by `switch`."""
        self._switch = switch
        self._head = bytearray()
        self._stream: Stream | None = None

    def send(self, data: Any, flags: int = 0) -> int:
        """Send bytes, as `socket.socket.send` does; the head is kept until it is whole."""
        if self._stream is not None:
            return self._stream.send(data, flags)
        seen = len(self._head)
        self._head += data
        end = self._head.find(b"\r\n\r\n", max(0, seen - 3)) + 4
        if end < 4 and len(self._head) <= MAX_HEAD:
            return len(data)
        head, rest = bytes(self._head[:end]), self._head[end:]
        self._head.clear()
        self._stream = self._switch(head)
        self._stream.sendall(rest)
        return len(data)

    def sendall(self, data: Any, flags: int = 0) -> None:
        """Send all bytes, as `socket.socket.sendall` does."""
        if self._stream is not None:
            self._stream.sendall(data, flags)
        else:
            self.send(data)

    def close(self) -> None:
        """Close the stream, if there is one."""
        if self._stream is not None:
            self._stream.close()

    def __del__(self) -> None:
        self.close()

    def __getattr__(self, name: str) -> Any:
        if self._stream is not None or not hasattr(socket.socket, name):
            return getattr(self._stream, name)
        raise OSError(
            errno.ENOTCONN, f"{name}: there is no stream before a response with status 101 was sent"
        )


def _head_of(headers: Any) -> bytes:
    """Return the head of a response; raises `ResponseError`."""
    try:
        others = [pair for pair in headers if pair[0].lower() not in ("upgrade", "connection")]
        protocols = [value for name, value in headers if name.lower() == "upgrade"]
    except (TypeError, ValueError, AttributeError, LookupError):
        raise ResponseError(
            f"headers must be a list of pairs of str, not {headers!r:.100}"
        ) from None
    if len(protocols) != 1 or not _PROTOCOLS.fullmatch(str(protocols[0])):
        raise ResponseError("the headers of a switch must name the new protocol in one Upgrade")
    upgrade = f"Upgrade: {protocols[0]}\r\nConnection: Upgrade\r\n"
    lines, _ = header_bytes(others)
    return b"HTTP/1.1 101 Switching Protocols\r\n%b%b\r\n" % (upgrade.encode("ascii"), lines)


def _send(channel: Channel, message: bytes, stream: socket.socket) -> None:
    """Send a head and a descriptor with it. If the client has left, that shows at the stream."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [stream.fileno()]))]
    sock = socket.SocketType(socket.AF_UNIX, socket.SOCK_STREAM, 0, channel.fd)
    poll = select.poll()
    poll.register(channel.fd, select.POLLOUT)
    try:
        channel.wait_for_room(0)
        while message:
            poll.poll()
            try:
                sent = sock.sendmsg([message], rights)
            except BlockingIOError:
                continue
            message, rights = message[sent:], []
    except ConnectionError:
        pass
    finally:
        sock.detach()

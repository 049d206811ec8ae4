"""A request: what its datagram said, and the response socket that came with it."""

from __future__ import annotations

import io
import os
import socket
import warnings
from typing import TYPE_CHECKING, Self

from ._codec import Headers, encode_request
from ._compat import OriginalAttributes
from ._reserve import RESERVE

if TYPE_CHECKING:
    from ._response_stream import ResponseStream

_LATIN_1 = "latin-1"
_OURS = b"x-ash-"


class Request(OriginalAttributes):
    """One request and its response socket.

    The request owns the descriptor until `close` or `detach`. It is not locked: one thread at a
    time may use it. Every string is `bytes`, as it came from the client.

    Attributes:
        method: the method, as the client sent it.
        url: the raw request target, query string included.
        version: the protocol version in full, like `b"HTTP/1.1"`.
        rest: the part of the URL's path that is still to be processed. Assign to it, or use
            `match`, before passing the request on.
        headers: a list of (name, value) in the order of arrival. Append to it to add one.
        arrival_ns: when the datagram was put into the socket, in nanoseconds on the system's
            real-time clock, if the receiver was asked for it; else None.
    """

    __slots__ = (
        "_fd",
        "_shared",
        "_socket",
        "_stream",
        "arrival_ns",
        "headers",
        "method",
        "rest",
        "url",
        "version",
    )

    def __init__(
        self, method: bytes, url: bytes, version: bytes, rest: bytes, headers: Headers, fd: int
    ) -> None:
        """Make a request out of its strings and the descriptor `fd`, which it then owns."""
        self._fd = fd
        self._shared = False
        self._socket: socket.socket | None = None
        self._stream: ResponseStream | None = None
        self.method: bytes = method
        self.url: bytes = url
        self.version: bytes = version
        self.rest: bytes = rest
        self.headers: Headers = headers
        self.arrival_ns: int | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method!r} {self.url!r} rest={self.rest!r} fd={self._fd}>"

    # Headers

    def get(self, name: str | bytes, default: bytes | None = None) -> bytes | None:
        """Return a header's value, or `default`. The case of its name doesn't matter.

        Of an `X-Ash-*` header that repeats, the last one counts, for it was added closest to us;
        of any other the first.
        """
        wanted = _bytes(name).lower()
        headers = reversed(self.headers) if wanted.startswith(_OURS) else iter(self.headers)
        return next((value for key, value in headers if key.lower() == wanted), default)

    def get_all(self, name: str | bytes) -> list[bytes]:
        """Return all values of a header, in the order of arrival."""
        wanted = _bytes(name).lower()
        return [value for key, value in self.headers if key.lower() == wanted]

    def __getitem__(self, name: str | bytes) -> bytes:
        """Return a header's value as `get` does; raise KeyError when there is none."""
        value = self.get(name)
        if value is None:
            raise KeyError(name)
        return value

    def __contains__(self, name: str | bytes) -> bool:
        return self.get(name) is not None

    # The way through handlers

    def match(self, prefix: str | bytes) -> bool:
        """Strip `prefix` off the rest string if it starts with it; tell whether it did."""
        wanted = _bytes(prefix)
        if not self.rest.startswith(wanted):
            return False
        self.rest = self.rest[len(wanted) :]
        return True

    def encode(self) -> bytes:
        """Return the request's datagram; raises `EncodeError`."""
        return encode_request(self.method, self.url, self.version, self.rest, self.headers)

    # The response socket

    def fileno(self) -> int:
        """Return the response socket's descriptor, still owned by the request."""
        if self._fd < 0:
            raise ValueError("the request is closed")
        return self._fd

    def _own_socket(self) -> socket.socket:
        if self._socket is None:
            self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, self.fileno())
        return self._socket

    @property
    def socket(self) -> socket.socket:
        """The response socket: read the body from it, write the response to it.

        Made on first use. It holds the same descriptor, and is closed with the request.
        """
        self._shared = True
        return self._own_socket()

    @property
    def untouched(self) -> bool:
        """Whether it is certain that nobody has written to the response socket.

        False once `socket` or `stream` was asked for, or somebody else got the descriptor.
        """
        return self._fd >= 0 and self._socket is None and not self._shared

    def share(self) -> None:
        """Note that somebody else has the response socket now, and may write to it."""
        self._shared = True

    @property
    def stream(self) -> io.BufferedRWPair:
        """The response socket as a buffered binary stream, which `close` flushes."""
        if self._stream is None:
            from ._response_stream import ResponseStream

            self._stream = ResponseStream(self._own_socket())
        return self._stream

    def withdraw(self) -> bool:
        """Drop what is in the stream's buffer if it is certain that nothing was sent; tell that.

        For a handler that has failed: it can still answer with an error then.
        """
        if self._stream is None:
            return self.untouched
        return self._fd >= 0 and not self._shared and self._stream.drop()

    def dup(self) -> Request:
        """Return a copy with a descriptor of its own. Raises OSError."""
        fd = os.dup(self.fileno())
        if fd >= RESERVE.ceiling:
            RESERVE.expect_shortage(copied=True)
        headers = list(self.headers)
        copy = Request(self.method, self.url, self.version, self.rest, headers, fd)
        copy.arrival_ns = self.arrival_ns
        self._shared = copy._shared = True
        return copy

    def detach(self) -> int:
        """Flush the stream and give the descriptor to the caller.

        The request counts as closed then. Raises OSError when the stream can't be flushed; the
        request still owns the descriptor in that case.
        """
        fd = self.fileno()
        if self._stream is not None:
            self._stream.flush()
        self._fd = -1
        if self._socket is not None:
            self._socket.detach()
        return fd

    def close(self) -> None:
        """Flush and close the response socket: the response ends here. May be called again.

        It is not an error if the client has gone away.
        """
        fd, self._fd = self._fd, -1
        if fd < 0:
            return
        if self._socket is None:
            os.close(fd)
            return
        try:
            if self._stream is not None:
                self._stream.close()
        except (BrokenPipeError, ConnectionResetError):
            pass
        finally:
            self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        try:
            fd = self._fd
        except AttributeError:  # it was never made, for want of arguments
            return
        if fd >= 0:
            warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self, stacklevel=2)
            self.close()


def _bytes(text: str | bytes) -> bytes:
    return text.encode(_LATIN_1) if isinstance(text, str) else text

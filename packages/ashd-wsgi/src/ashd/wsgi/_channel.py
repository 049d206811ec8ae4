"""The response socket while a response is written to it: sending, waiting, and ending well.

A channel owns the descriptor until `close`. It is used by one thread at a time. A *patient* channel
waits until everything is sent; one that isn't keeps what the socket doesn't take, for `flush`.
"""

from __future__ import annotations

import errno
import os
import select
import socket

from ._body import BODY_BUFFER, Body
from ._errors import ClientGoneError

_LINGER = 60_000
"""Milliseconds without a byte after which an unread body is given up: what front ends allow."""

_SENDFILE_MAX = 1 << 20
"""Bytes for one sendfile(2) of a channel that isn't patient, so that others get their turn."""

_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW)


class Channel:
    """Sends a response without ever hanging on a body that nobody reads."""

    __slots__ = (
        "_body",
        "_declared",
        "_fd",
        "_keep_body",
        "_length",
        "_patient",
        "_room",
        "_shut",
        "_unsent",
        "_withheld",
    )

    def __init__(self, fd: int) -> None:
        """Own `fd`."""
        self._fd = fd
        self._patient = True
        self._unsent: memoryview | bytearray | None = None
        self._body: Body | None = None
        self._keep_body = True  # the application may still ask for it
        self._room = BODY_BUFFER
        self._declared = False
        self._withheld = False
        self._length: int | None = None
        self._shut = False

    def fileno(self) -> int:
        """Return the descriptor; -1 when it is closed."""
        return self._fd

    def expect_body(self, length: int | None, withheld: bool, room: int) -> None:
        """Be prepared for a request body that comes while the response is being sent.

        About `room` bytes of it are kept then, as long as the application may ask for them.
        """
        self._declared = True
        self._room = room
        self._withheld = withheld
        self._length = length
        os.set_blocking(self._fd, False)

    def be_impatient(self) -> None:
        """Never wait from now on."""
        self._patient = False
        os.set_blocking(self._fd, False)

    def open_body(self) -> Body:
        """Return the request's body, always the same object."""
        if self._body is None:
            self._body = Body(self._fd, self._length, self._withheld, self._room)
            if self._fd < 0:
                self._body.detach()
        return self._body

    # Sending

    def put(self, data: bytes) -> None:
        """Send `data`, after what is still unsent. Raises `ClientGoneError`."""
        if self._unsent is not None:
            self._keep(data)
            return
        try:
            sent = os.write(self._fd, data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise _gone(error) from error
        if sent < len(data):
            self._put_rest(memoryview(data)[sent:])

    def put_all(self, *parts: bytes) -> None:
        """Send several pieces as `put` sends one, without joining them."""
        sent = 0
        if self._unsent is None:
            try:
                sent = os.writev(self._fd, parts)
            except BlockingIOError:
                pass
            except OSError as error:
                raise _gone(error) from error
        for part in parts:
            if sent < len(part):
                self._put_rest(memoryview(part)[sent:])
            sent = max(0, sent - len(part))

    def _put_rest(self, data: memoryview) -> None:
        """Send what the socket didn't take at once."""
        self._keep(data)
        if self._patient:
            while not self.flush():
                self._wait()

    def _keep(self, data: bytes | memoryview) -> None:
        if self._unsent is None:
            self._unsent = memoryview(data)
            return
        if not isinstance(self._unsent, bytearray):
            self._unsent = bytearray(self._unsent)
        self._unsent += data

    def flush(self) -> bool:
        """Send what is unsent, without waiting; tell whether all is sent."""
        unsent = self._unsent
        if unsent is None:
            return True
        try:
            sent = os.write(self._fd, unsent)
        except BlockingIOError:
            return False
        except OSError as error:
            raise _gone(error) from error
        if sent == len(unsent):
            self._unsent = None
        elif isinstance(unsent, bytearray):
            del unsent[:sent]
        else:
            self._unsent = unsent[sent:]
        return self._unsent is None

    def wait_for_room(self, most: int) -> None:
        """Wait until at most so many bytes are unsent. Raises `ClientGoneError`."""
        while not self.flush() and self._unsent is not None and len(self._unsent) > most:
            self._wait()

    def send_file(self, file: int, offset: int, count: int) -> int:
        """Send from an open file by sendfile(2); return how many bytes were sent.

        A patient channel sends all that the file has of `count`. Raises `ClientGoneError`;
        NotImplementedError for files that can't be sent so; BlockingIOError; OSError if the file
        can't be read.
        """
        if not self.flush():
            raise BlockingIOError
        total = 0
        limit = count if self._patient else _SENDFILE_MAX
        while total < count:
            try:
                sent = os.sendfile(self._fd, file, offset + total, min(limit, count - total))
            except BlockingIOError:
                if not self._patient:
                    raise
                self._wait()
                continue
            except ConnectionError as error:
                raise _gone(error) from error
            except OSError as error:
                if error.errno in _NO_SENDFILE and not total:
                    raise NotImplementedError from error
                raise
            total += sent
            if not sent or not self._patient:
                break
        return total

    def wanted(self) -> int:
        """Return the events for which an impatient channel waits before it can send on."""
        return select.POLLOUT | (select.POLLIN if self._body_comes() else 0)

    def _body_comes(self) -> bool:
        if not self._declared:
            return False
        body = self.open_body()
        return not body.ended and not (self._keep_body and body.full)

    def forget_body(self) -> None:
        """Keep nothing more of the body: the application won't ask for it."""
        self._keep_body = False

    def take_body_in(self) -> None:
        """Take in what the front end has sent of the body, to keep it or to drop it."""
        if self._declared:
            body = self.open_body()
            if not self._keep_body:
                body.discard()
            elif not body.full:
                body.set_aside()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._fd, self.wanted())
        for _, events in poll.poll():
            if events & select.POLLIN:
                self.take_body_in()

    # The end

    def drain(self) -> bool:
        """End the response, and throw away the rest of the body; tell whether there is none left.

        To close the socket while bytes of the body are unread would make the front end take the
        response for a cut one.
        """
        if not self._declared or self.open_body().ended:
            return True
        if not self._shut:
            self._shut = True
            _shutdown_writing(self._fd)
        if self._patient:
            poll = select.poll()
            poll.register(self._fd, select.POLLIN)
            while not self.open_body().discard():
                if not poll.poll(_LINGER):
                    return True
        return self.open_body().discard()

    def close(self) -> None:
        """Close the descriptor; may be called again."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            os.close(fd)
            if self._body is not None:
                self._body.detach()


def _gone(error: OSError) -> ClientGoneError:
    return ClientGoneError(error.errno, "the client went away")


def _shutdown_writing(fd: int) -> None:
    sock = socket.SocketType(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)
    try:
        sock.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    finally:
        sock.detach()

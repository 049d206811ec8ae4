"""The response socket while a response is written to it: sending, waiting, and ending well.

A channel owns the descriptor until `close`. One thread at a time uses it. A *patient* channel waits
until everything is sent; any other keeps what the socket doesn't take until `flush`.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from typing import TYPE_CHECKING

from ._body import Body
from ._errors import ClientGoneError

if TYPE_CHECKING:
    from ._suspend import Suspension

_LINGER = 60_000
"""Milliseconds without a byte after which we give an unwanted body up: what front ends allow."""

_SENDFILE_MAX = 1 << 20
"""Bytes for one sendfile(2) of a channel that isn't patient, so that others get their turn."""

_NO_SENDFILE = (errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EOVERFLOW)


class Channel:
    """Sends a response, and takes in the request's body where that would block it.

    Attributes:
        fd: the descriptor; -1 when it is closed.
        patient: whether it waits until everything is sent.
        unsent: what the socket didn't take; None if there is nothing.
        body: the request's body, if there is one or the application has looked for one.
    """

    patient = True
    _shut = False

    def __init__(self, fd: int) -> None:
        """Own `fd`."""
        self.fd = fd
        self.unsent: memoryview | bytearray | None = None
        self.body: Body | None = None

    def be_impatient(self) -> None:
        """Never wait from now on."""
        self.patient = False
        self.suspension: Suspension | None = None  # only of such a channel
        os.set_blocking(self.fd, False)

    def expect_body(self, body: Body) -> None:
        """Prepare for a request body that arrives while the response is being sent."""
        self.body = body
        os.set_blocking(self.fd, False)

    def open_body(self) -> Body:
        """Return the request's body, always the same object."""
        if self.body is None:
            self.body = Body(self.fd)
            if self.fd < 0:
                self.body.detach()
        return self.body

    # Sending

    def put(self, parts: tuple[bytes, ...]) -> None:
        """Send `parts`, after what is still unsent. Raises `ClientGoneError`."""
        if not parts[-1]:  # beyond the length: who has got everything may be gone
            return
        sent = 0
        if self.unsent is None:
            try:
                fd = self.fd
                sent = os.write(fd, parts[0]) if len(parts) == 1 else os.writev(fd, parts)
            except BlockingIOError:
                pass
            except OSError as error:
                raise _gone(error) from error
        for part in parts:
            if sent < len(part):
                self._put_rest(memoryview(part)[sent:])
                sent = 0
            else:
                sent -= len(part)

    def _put_rest(self, data: memoryview) -> None:
        if self.unsent is None:
            self.unsent = data
        else:
            if not isinstance(self.unsent, bytearray):
                self.unsent = bytearray(self.unsent)
            self.unsent += data
        if self.patient:
            self.wait_for_room(0)

    def flush(self) -> bool:
        """Send what is unsent, without waiting; tell whether all is sent.

        Raises `ClientGoneError`.
        """
        unsent = self.unsent
        if unsent is None:
            return True
        try:
            sent = os.write(self.fd, unsent)
        except BlockingIOError:
            return False
        except OSError as error:
            raise _gone(error) from error
        if sent == len(unsent):
            self.unsent = None
        elif isinstance(unsent, bytearray):
            del unsent[:sent]
        else:
            self.unsent = unsent[sent:]
        return self.unsent is None

    def wait_for_room(self, most: int) -> None:
        """Wait until at most so many bytes are unsent. Raises `ClientGoneError`."""
        while not self.flush() and self.unsent is not None and len(self.unsent) > most:
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
        limit = count if self.patient else _SENDFILE_MAX
        while total < count:
            try:
                sent = os.sendfile(self.fd, file, offset + total, min(limit, count - total))
            except BlockingIOError:
                if not self.patient:
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
            if not sent or not self.patient:
                break
        return total

    def check(self) -> None:
        """Raise `ClientGoneError` if the client is known to be gone."""
        poll = select.poll()
        poll.register(self.fd, 0)  # for POLLHUP and POLLERR alone
        if poll.poll(0):
            raise ClientGoneError(errno.EPIPE, "the client went away")

    def wanted(self) -> int:
        """Return the events for which an impatient channel waits before it can send on."""
        body_comes = self.body is not None and self.body.comes
        out = select.POLLHUP if self.suspended and self.unsent is None else select.POLLOUT
        return out | (select.POLLIN if body_comes else 0)

    @property
    def suspended(self) -> bool:
        """Whether the application has nothing to send for now."""
        return not self.patient and self.suspension is not None and self.suspension.waits

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self.fd, self.wanted())
        for _, events in poll.poll():
            if events & select.POLLIN and self.body is not None:
                self.body.take_in()

    # The end

    def drain(self, body: Body) -> bool:
        """End the response and drop the rest of `body`; tell whether nothing is left of it.

        If the socket were closed while bytes of the body are unread, the front end would take the
        response for one that was cut.
        """
        if not body.declared or body.ended:
            return True
        if not self._shut:
            self._shut = True
            shut_down(self.fd, socket.SHUT_WR)
        if self.patient:
            poll = select.poll()
            poll.register(self.fd, select.POLLIN)
            while not body.discard():
                if not poll.poll(_LINGER):
                    return True
        return body.discard()

    def close(self) -> None:
        """Close the descriptor; may be called again."""
        fd, self.fd = self.fd, -1
        if fd >= 0:
            self.unsent = None
            os.close(fd)
            if self.body is not None:
                self.body.detach()


def _gone(error: OSError) -> ClientGoneError:
    return ClientGoneError(error.errno, "the client went away")


def shut_down(fd: int, how: int) -> None:
    """Shut a response socket down, which stays open: `how` is one of `socket.SHUT_*`."""
    sock = socket.SocketType(socket.AF_UNIX, socket.SOCK_STREAM, 0, fd)
    try:
        sock.shutdown(how)
    except OSError:  # the client is gone
        pass
    finally:
        sock.detach()

"""What an application returned, if that isn't a list: it is sent bit by bit."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

from ._channel import Channel
from ._errors import ResponseError
from ._filewrapper import FileWrapper
from ._response import BEFORE_HEAD, Response, as_bytes

_TURN = 16
"""Pieces of one response that are sent before other responses get their turn."""


class Sender(Protocol):
    """Sends a body in turns."""

    def send_some(self, response: Response, channel: Channel) -> bool:
        """Send what is ready and fits into a turn; tell whether that was all.

        Raises what the application's code raises, and `ClientGoneError`.
        """
        ...


def sender_of(result: Any, response: Response, channel: Channel) -> Sender:
    """Return what sends `result`; raises `ResponseError` if it isn't an iterable.

    A file goes out by sendfile(2), unless a part of the body went out in chunks before.
    """
    if isinstance(result, FileWrapper) and response.raw:
        extent = result.extent()
        if extent is not None:
            if channel.body is not None:
                channel.body.forget()
            return _File(result, *extent)
    return _Pieces(result)


class _Pieces:
    """The pieces of an iterable."""

    def __init__(self, result: Any) -> None:
        try:
            self._iterator: Iterator[Any] = iter(result)
        except TypeError as error:
            raise ResponseError(
                f"the application must return an iterable of bytes, not {type(result).__name__}"
            ) from error
        self._only = hasattr(type(result), "__len__") and len(result) == 1

    def send_some(self, response: Response, channel: Channel) -> bool:
        for _ in range(_TURN):
            try:
                piece = next(self._iterator)
            except StopIteration:
                return True
            piece = as_bytes(piece)
            if not piece:
                waiting = None if channel.patient else channel.suspension
                if waiting is not None and (waiting.waits or waiting.ended):
                    return waiting.ended
                channel.check()
                continue
            channel.put(response.piece(piece, len(piece) if self._only else None))
            if not response.wants_more:
                return True
            if channel.unsent is not None:
                return False
        return False


class _File:
    """A regular file, as long as sendfile(2) takes it."""

    def __init__(self, wrapper: FileWrapper, fd: int, offset: int, count: int) -> None:
        self._wrapper = wrapper
        self._fd = fd
        self._offset = offset
        self._count = count
        self._pieces: _Pieces | None = None  # in case sendfile(2) doesn't

    def send_some(self, response: Response, channel: Channel) -> bool:
        if self._pieces is not None:
            return self._pieces.send_some(response, channel)
        if response.state in BEFORE_HEAD:
            channel.put(response.piece(b"", self._count))
        allowed = response.takes_bytes(self._count)
        if not allowed:
            return True
        try:
            sent = channel.send_file(self._fd, self._offset, allowed)
        except BlockingIOError:
            return False
        except NotImplementedError:
            self._pieces = _Pieces(self._wrapper)
            return False
        response.took_bytes(sent)
        self._offset += sent
        self._count -= sent
        return not sent or not self._count

"""Files out of `multipart/form-data` (RFC 7578), while they come: memory holds a block of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from email.parser import HeaderParser
from typing import Protocol

BLOCK = 1 << 16  # bytes at a time
_MAX_HEAD = 8192  # bytes of a part's headers: far beyond what browsers send
_MAX_BOUNDARY = 70  # RFC 2046, 5.1.1


class Readable(Protocol):
    """What is needed of `wsgi.input`."""

    def read(self, size: int, /) -> bytes: ...


class FormError(ValueError):
    """The body is no form as its Content-Type says."""


@dataclass(frozen=True, slots=True)
class Part:
    """A field of the form. Its blocks have to be used before the next part is asked for."""

    name: str
    filename: str | None
    blocks: Iterator[bytes]


def boundary_of(content_type: str) -> bytes:
    """Return what stands between the parts; raises `FormError`."""
    message = Message()
    message["Content-Type"] = content_type
    boundary = message.get_param("boundary")
    if not isinstance(boundary, str) or not 0 < len(boundary) <= _MAX_BOUNDARY:
        raise FormError("the Content-Type of the form names no boundary")
    return boundary.encode("latin-1", "replace")


class Form:
    """The parts of a form, one after another."""

    def __init__(self, stream: Readable, boundary: bytes) -> None:
        """Read from `stream`, which stays the caller's own."""
        self._stream = stream
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"

    def __iter__(self) -> Iterator[Part]:
        """Give each part; raises `FormError` when the form is broken."""
        for _ in self._until(self._delimiter):
            pass  # what stands in front of the first part is for nobody
        while (mark := self._take(2)) == b"\r\n":
            part = self._part()
            yield part
            for _ in part.blocks:
                pass
        if mark != b"--":
            raise FormError("its parts are not separated as they should be")

    def _part(self) -> Part:
        self._buffer = b"\r\n" + self._buffer
        head = b""
        for piece in self._until(b"\r\n\r\n"):
            head += piece
            if len(head) > _MAX_HEAD:
                raise FormError("a part of the form has too large a head")
        fields = HeaderParser().parsestr(head.decode("utf-8", "replace").lstrip("\r\n"))
        name = fields.get_param("name", "", "Content-Disposition")
        return Part(str(name), fields.get_filename(), self._until(self._delimiter))

    def _until(self, end: bytes) -> Iterator[bytes]:
        """Give what stands in front of `end`, and take `end` itself."""
        keep = len(end) - 1
        while (index := self._buffer.find(end)) < 0:
            if len(self._buffer) > keep:
                piece, self._buffer = self._buffer[:-keep], self._buffer[-keep:]
                yield piece
            self._fill()
        piece, self._buffer = self._buffer[:index], self._buffer[index + len(end) :]
        if piece:
            yield piece

    def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            self._fill()
        piece, self._buffer = self._buffer[:count], self._buffer[count:]
        return piece

    def _fill(self) -> None:
        block = self._stream.read(BLOCK)
        if not block:
            raise FormError("the form ends in the middle of a part")
        self._buffer += block

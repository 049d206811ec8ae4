"""The bytes that were received and not used yet. No I/O.

Every operation costs time in proportion to the bytes that come in, go out or are seen for the first
time, however a client cuts its stream: nothing is copied or searched again because more arrives.
"""

from __future__ import annotations

from typing import ClassVar


class ReceiveBuffer:
    """A queue of bytes with a memory of how far they were searched.

    What is fed into an empty buffer is kept as it is, so that the ordinary piece, which holds just
    what is wanted next, is not copied at all.
    """

    __slots__ = ("_bytes", "_seen", "_start", "size")

    storage: ClassVar[type[bytearray]] = bytearray
    """What holds the bytes as soon as pieces have to be put together."""

    def __init__(self) -> None:
        """Start empty."""
        self._bytes: bytes | bytearray = b""
        self._start = 0
        self._seen = 0
        self.size = 0
        """How many bytes are held."""

    def append(self, data: bytes) -> None:
        """Add bytes at the end."""
        if self.size:
            self._extend(data)
        else:
            self._bytes = data
            self._start = self._seen = 0
        self.size += len(data)

    def _extend(self, data: bytes) -> None:
        held = self._bytes
        start = self._start
        if isinstance(held, bytes):
            self._bytes = held = self.storage(held[start:])
        elif start > len(held) >> 1:  # less is moved than was taken since the last time
            del held[:start]
        else:
            start = 0
        self._seen -= start
        self._start -= start
        held += data

    def startswith(self, prefix: bytes) -> bool:
        """Tell whether the first bytes are these."""
        return self._bytes.startswith(prefix, self._start)

    def find(self, mark: bytes) -> int:
        """Return the number of bytes up to and with the first `mark`; 0 when there is none.

        Only what `unseen` has not given yet is searched, so ask for one mark until it is found.
        """
        size = len(mark)
        begin = self._start
        if self._seen > begin:
            begin = max(begin, self._seen - size + 1)
        found = self._bytes.find(mark, begin)
        return found + size - self._start if found >= 0 else 0

    def unseen(self) -> bytes:
        """Return the bytes that no call has returned yet, with the one in front of them."""
        begin = max(self._start, self._seen - 1)
        self._seen = len(self._bytes)
        return bytes(self._bytes[begin:])

    def peek(self, size: int) -> bytes:
        """Return the first `size` bytes, or less, and keep them."""
        return bytes(self._bytes[self._start : self._start + size])

    def take(self, size: int) -> bytes:
        """Return the first `size` bytes, or less, and drop them."""
        start = self._start
        held = self._bytes
        if size < self.size:
            self.size -= size
            self._start = self._seen = end = start + size
            return bytes(held[start:end])
        self._bytes = b""
        self._start = self._seen = self.size = 0
        return bytes(held[start:] if start else held)

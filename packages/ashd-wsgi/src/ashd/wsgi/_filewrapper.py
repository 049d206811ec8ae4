"""`wsgi.file_wrapper`: how an application hands over a whole file (PEP 3333)."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from typing import Any

_BLOCK = 65536  # bytes at a time when the file has to be read; PEP 3333 leaves it to the server


class FileWrapper:
    """An iterator over a file's blocks, which the server may replace by sendfile(2).

    It owns the file: `close` closes it.
    """

    def __init__(self, file: Any, block_size: int = _BLOCK) -> None:
        """Wrap an object with `read(size)`."""
        self.file = file
        self.block_size = block_size

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block: bytes = self.file.read(self.block_size)
        if not block:
            raise StopIteration
        return block

    def close(self) -> None:
        """Close the file, if it can be."""
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

    def extent(self) -> tuple[int, int, int] | None:
        """Return descriptor, offset and remaining bytes of a regular file.

        None for everything else: files whose `read` gives other bytes than their descriptor does
        (text, gzip), and those that don't tell their size, as below /proc.
        """
        file = _plain_file(self.file)
        if file is None:
            return None
        try:
            file.flush()
            info = os.fstat(file.fileno())
            offset = file.tell()
        except (OSError, ValueError):
            return None
        if not stat.S_ISREG(info.st_mode) or info.st_size <= offset:
            return None
        return file.fileno(), offset, info.st_size - offset


def _plain_file(file: Any) -> Any:
    """Return the plain file whose own `read` is that of `file`, through wrappers; None if none."""
    import io

    read = getattr(file, "read", None)
    read = getattr(read, "__wrapped__", read)  # tempfile wraps it once more
    plain = getattr(read, "__self__", None)
    raw = getattr(plain, "raw", plain)
    if type(raw) is io.FileIO and type(plain) in (io.FileIO, io.BufferedReader, io.BufferedRandom):
        return plain
    return None

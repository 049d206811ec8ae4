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
        """Return descriptor, offset and remaining bytes of a regular file; None for all else."""
        try:
            fd = self.file.fileno()
            self.file.flush()
            info = os.fstat(fd)
            offset = self.file.tell()
        except (AttributeError, OSError, ValueError):
            return None
        if not stat.S_ISREG(info.st_mode) or _transforms(self.file):
            return None
        return fd, offset, max(0, info.st_size - offset)


def _transforms(file: Any) -> bool:
    """Tell whether a file object gives other bytes than its descriptor (gzip, text)."""
    import io

    return not isinstance(file, io.BufferedReader | io.BufferedRandom | io.FileIO) and not (
        isinstance(getattr(file, "file", None), io.BufferedReader | io.BufferedRandom | io.FileIO)
    )

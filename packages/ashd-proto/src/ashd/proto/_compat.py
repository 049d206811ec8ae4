"""The attributes of the original library's requests, for code that was written for it.

The functions and classes of the original have their aliases in this package's `__init__`.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING


class OriginalAttributes:
    """`ver` and `sk`, as other names of `version` and `stream`."""

    __slots__ = ()

    if TYPE_CHECKING:
        version: bytes

        @property
        def stream(self) -> io.BufferedRWPair: ...

    @property
    def ver(self) -> bytes:
        """The protocol version."""
        return self.version

    @property
    def sk(self) -> io.BufferedRWPair:
        """The response socket as a buffered binary stream."""
        return self.stream

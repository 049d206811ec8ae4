"""The attributes of the original library's requests, for code that was written for it.

The functions and classes of the original have their aliases in this package's `__init__`.
"""

from __future__ import annotations

import io
from socket import socket as Socket  # noqa: N812 - a property has the name
from typing import TYPE_CHECKING


class OriginalAttributes:
    """`ver`, `sk` and `bsk`, as other names of `version`, `stream` and `socket`."""

    __slots__ = ()

    if TYPE_CHECKING:
        version: bytes

        @property
        def stream(self) -> io.BufferedRWPair: ...

        @property
        def socket(self) -> Socket: ...

    @property
    def ver(self) -> bytes:
        """The protocol version."""
        return self.version

    @property
    def sk(self) -> io.BufferedRWPair:
        """The response socket as a buffered binary stream."""
        return self.stream

    @property
    def bsk(self) -> Socket:
        """The response socket itself, without a buffer."""
        return self.socket

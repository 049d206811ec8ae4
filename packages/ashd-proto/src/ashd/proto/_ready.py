"""The word with which a handler tells the front end that it receives requests from now on.

docs/protocol-agreement.md has the whole of it.
"""

from __future__ import annotations

import os
import socket

READY_VARIABLE = "ASHD_TELL_READY"
"""Set in the environment of a handler whose front end wants the word."""

READY_WORD = b"ready"


def tell_ready(sock: socket.socket) -> None:
    """Send the word if it is wanted, once in a process: programs that it starts aren't asked."""
    if os.environ.pop(READY_VARIABLE, None) is not None:
        try:
            sock.send(READY_WORD, socket.MSG_DONTWAIT)
        except OSError:  # the front end is gone, which the receiver finds out by itself
            pass

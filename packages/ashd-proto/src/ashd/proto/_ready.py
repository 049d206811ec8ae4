"""The words with which a handler tells the front end that it loads, and that it receives requests.

docs/reference/protocol-agreement.md has the whole of it.
"""

from __future__ import annotations

import os
import socket

READY_VARIABLE = "ASHD_TELL_READY"
"""Set in the environment of a handler whose front end wants the word."""

READY_WORD = b"ready"
LOADING_WORD = b"loading"

DESCRIBED = "2"
"""The variable's value if the front end understands `ready` with a description after it."""

LONGEST_DESCRIPTION = 400
"""Bytes."""

_descriptions: list[bytes] = []


def describe_handler(text: str) -> None:
    """Say in a few words what this handler serves; the front end logs it with its addresses.

    To be called before the first request is received.
    """
    _descriptions[:] = [text.encode("utf-8", "replace")[:LONGEST_DESCRIPTION]]


def tell_loading(sock: socket.socket) -> None:
    """Promise the front end, if it wants to know, that it will be told when this handler serves.

    For handlers that may take long to load; without it, they count as loaded after 10 s. To be
    called at the start, with the socket that requests are going to be received from.
    """
    if READY_VARIABLE in os.environ:
        _send(sock, LOADING_WORD)


def tell_ready(sock: socket.socket) -> None:
    """Send the word if it is wanted, once in a process: programs that it starts aren't asked."""
    wanted = os.environ.pop(READY_VARIABLE, None)
    if wanted is not None:
        words = [READY_WORD, *(_descriptions if wanted == DESCRIBED else [])]
        _send(sock, b" ".join(words))


def _send(sock: socket.socket, words: bytes) -> None:
    try:
        sock.send(words, socket.MSG_DONTWAIT)
    except OSError:  # the front end is gone, which the receiver finds out by itself
        pass

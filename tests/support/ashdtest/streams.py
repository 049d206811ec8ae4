"""Clients whose byte stream a handler or an application takes over.

with opened(server, "/echo") as client:
    client.send(b"abc")
"""

from __future__ import annotations

from .client import Client, request
from .frontend import FrontEnd

ASKS = ("Upgrade: echo", "Connection: keep-alive, Upgrade")


def opened(server: FrontEnd, target: str, *, ahead: bytes = b"") -> Client:
    """Return a client whose stream has been taken over."""
    client = Client(server.connect())
    client.send(request(target, *ASKS) + ahead)
    head = client.until(b"\r\n\r\n").lower()
    assert head.startswith(b"http/1.1 101 ")
    assert b"\r\nupgrade: echo\r\n" in head
    assert b"\r\nconnection: upgrade\r\n" in head
    assert b"x-ash" not in head
    return client

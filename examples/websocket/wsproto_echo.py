"""A WSGI application that speaks WebSocket, and sends every message back.

`wsproto` (https://python-hyper.org/projects/wsproto) knows the protocol, and does no I/O: it makes
the head of the response, and turns the bytes of the stream into messages and back.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Event, Message, Ping
from wsproto.frame_protocol import CloseReason
from wsproto.utilities import RemoteProtocolError


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Serve one client to its end."""
    if "ashd.switch" not in environ:
        start_response("426 Upgrade Required", [("Content-Type", "text/plain")])
        return [b"This is for WebSocket clients.\n"]
    connection = WSConnection(ConnectionType.SERVER)
    try:
        connection.initiate_upgrade_connection(list(headers(environ)), environ["REQUEST_URI"])
    except RemoteProtocolError as error:
        start_response("400 Bad Request", [("Content-Type", "text/plain")])
        return [f"{error}\n".encode()]
    with environ["ashd.switch"](connection.send(AcceptConnection())) as stream:
        talk(connection, stream)
    return []


def headers(environ: dict[str, Any]) -> Iterator[tuple[bytes, bytes]]:
    """Yield the request's headers, as they came."""
    for key, value in environ.items():
        if key.startswith("HTTP_"):
            yield key[5:].replace("_", "-").encode("latin-1"), value.encode("latin-1")


def talk(connection: WSConnection, stream: socket.socket) -> None:
    """Send messages back until one side ends."""
    with suppress(ConnectionError, RemoteProtocolError):
        while data := stream.recv(65536):
            connection.receive_data(data)
            for event in connection.events():
                stream.sendall(answer(connection, event))
                if isinstance(event, CloseConnection):
                    return
        # The client is gone, or the server stops: then the client hears of it.
        stream.sendall(connection.send(CloseConnection(CloseReason.GOING_AWAY)))


def answer(connection: WSConnection, event: Event) -> bytes:
    """Return what to send when `event` has come."""
    if isinstance(event, Message):
        again: Event = Message(event.data, event.frame_finished, event.message_finished)
    elif isinstance(event, Ping | CloseConnection):
        again = event.response()
    else:
        return b""
    return connection.send(again)

#!/usr/bin/env python3
"""A root handler that speaks WebSocket, and sends every message back.

`websockets` (https://websockets.readthedocs.io) knows the protocol, and does no I/O here: it makes
the head of the response, and turns the bytes of the stream into messages and back.
"""

from __future__ import annotations

import socket
import threading

from websockets.frames import Frame, Opcode
from websockets.http11 import Request as Handshake
from websockets.server import ServerProtocol

from ashd.proto import Request
from ashd.util import serve_loop, switch_protocol

SENDERS = {
    Opcode.TEXT: ServerProtocol.send_text,
    Opcode.BINARY: ServerProtocol.send_binary,
    Opcode.CONT: ServerProtocol.send_continuation,
}


def serve(request: Request) -> None:
    """Serve one client to its end."""
    protocol = ServerProtocol()
    with request:
        head = answer(protocol, request)
        if b" 101 " not in head.partition(b"\n")[0]:  # it is no WebSocket client
            request.socket.sendall(head)
            return
        with switch_protocol(request, head) as stream:
            talk(protocol, stream)


def answer(protocol: ServerProtocol, request: Request) -> bytes:
    """Have the request judged, and return the head of the response, with a text if it refuses."""
    fields = b"".join(b"%b: %b\r\n" % field for field in request.headers)
    protocol.receive_data(b"GET %b HTTP/1.1\r\n%b\r\n" % (request.url, fields))
    (handshake,) = protocol.events_received()
    assert isinstance(handshake, Handshake)
    protocol.send_response(protocol.accept(handshake))
    return b"".join(protocol.data_to_send())


def talk(protocol: ServerProtocol, stream: socket.socket) -> None:
    """Send messages back until both sides have closed."""
    while data := stream.recv(65536):
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Frame) and event.opcode in SENDERS:
                SENDERS[event.opcode](protocol, bytes(event.data), fin=event.fin)
        for piece in protocol.data_to_send():
            if piece:
                stream.sendall(piece)
            else:  # this side sends no more
                stream.shutdown(socket.SHUT_WR)


def handle(request: Request) -> None:
    threading.Thread(target=serve, args=(request.dup(),), daemon=True).start()


if __name__ == "__main__":
    serve_loop(handle)

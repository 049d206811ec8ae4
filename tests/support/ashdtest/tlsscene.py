"""A front end's server in the event loop of a test, which is its root handler, with TLS clients.

async with asyncio.timeout(DEADLINE):
    client = await scene.open()
    await client.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
    await scene.answer(b"HTTP/1.1 200 OK\\r\\n\\r\\n")
"""

from __future__ import annotations

import asyncio
import select
import socket
import ssl
from contextlib import ExitStack

from ashd.htparser._connection import Connection
from ashd.htparser._limits import Limits
from ashd.htparser._parent import Parent
from ashd.htparser._portspec import Port
from ashd.htparser._queue import RequestQueue
from ashd.htparser._server import Server
from ashd.proto import Request, recv_request

from .meanwhile import wait_for
from .tlsclient import TLS_1_3, TlsClient

PLACES = 2
"""Clients that there may be at the same time."""


class Scene:
    """A server without processes: the root handler is the test."""

    def __init__(self, stack: ExitStack, port: Port) -> None:
        self._stack = stack
        self._port = port
        queue, self._handler = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        control, parent = socket.socketpair()
        for sock in (queue, self._handler, control, parent):
            stack.enter_context(sock)
        self._handler.setblocking(False)
        loop = asyncio.get_running_loop()
        limits = Limits(connections=PLACES)
        self.server = Server(loop, RequestQueue(queue), Parent(control), limits)
        stack.callback(self.server.poller.close)
        self.server.queue.attach(self.server.poller)
        self._connecting: list[asyncio.Task[None]] = []
        self.connections: list[Connection] = []

    @property
    def connection(self) -> Connection:
        return self.connections[-1]

    async def connect(self, buffer: int = 0, version: ssl.TLSVersion = TLS_1_3) -> TlsClient:
        """Return a client that has sent nothing so far."""
        client = self._stack.enter_context(socket.socket())
        if buffer:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        with socket.create_server(("127.0.0.1", 0)) as listener:
            client.connect(listener.getsockname())
            served, _ = listener.accept()
        if buffer:
            served.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, buffer)
        served.setblocking(False)
        client.setblocking(False)
        self.server.take(served, self._port)
        await wait_for(lambda: not self.server._opening)
        self.connections = [*map(_connection, self.server._connections)]
        return TlsClient(client, version)

    async def open(self, buffer: int = 0, version: ssl.TLSVersion = TLS_1_3) -> TlsClient:
        """Return a client after its handshake."""
        client = await self.connect(buffer, version)
        await client.shake_hands()
        return client

    async def request(self) -> Request:
        """Return the request that a handler gets."""
        poll = select.poll()
        poll.register(self._handler, select.POLLIN)
        await wait_for(lambda: poll.poll(0))
        request = recv_request(self._handler)
        assert request is not None
        return self._stack.enter_context(request)

    async def answer(self, response: bytes) -> None:
        """Answer the next request."""
        with await self.request() as request:
            request.socket.sendall(response)


def _connection(served: object) -> Connection:
    assert isinstance(served, Connection)
    return served

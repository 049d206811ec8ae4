"""A TLS client in an event loop, whose records go out, and come in, as a test wants them.

client = TlsClient(sock)
await client.shake_hands()
await client.send(b"GET / HTTP/1.0\\r\\n\\r\\n")
assert await client.all() == ...
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress

TLS_1_3 = ssl.TLSVersion.TLSv1_3


class TlsClient:
    """A client whose records go out as the test wants them."""

    def __init__(
        self, sock: socket.socket, version: ssl.TLSVersion = TLS_1_3, ciphers: str = ""
    ) -> None:
        """Own a connected socket that doesn't block."""
        self.sock = sock
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.maximum_version = version
        if ciphers:
            context.set_ciphers(ciphers)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing)

    def records(self, data: bytes = b"") -> bytes:
        """Return the bytes in which data, and what is due otherwise, travels."""
        if data:
            self.tls.write(data)
        return self._outgoing.read()

    async def send(self, data: bytes) -> None:
        """Send data."""
        await asyncio.get_running_loop().sock_sendall(self.sock, self.records(data))

    async def shake_hands(self) -> None:
        """Do the handshake; raises `ssl.SSLError`."""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.send(b"")
                data = await self.raw()
                self._incoming.write(data) if data else self._incoming.write_eof()
            else:
                await self.send(b"")
                return

    async def raw(self) -> bytes:
        """Return what has come, as it travels; nothing at the end."""
        return await asyncio.get_running_loop().sock_recv(self.sock, 1 << 16)

    async def receive(self) -> bytes:
        """Return the next data; nothing at the end, if the server has said that it is one.

        Without that: `ssl.SSLEOFError`.
        """
        while True:
            try:
                return self.tls.read(1 << 16)
            except ssl.SSLWantReadError:
                data = await self.raw()
                self._incoming.write(data) if data else self._incoming.write_eof()
            except ssl.SSLZeroReturnError:
                return b""

    async def until(self, end: bytes) -> bytes:
        """Return data up to `end`, which nothing must follow."""
        received = b""
        while not received.endswith(end):
            received += await self.receive()
        return received

    async def all(self) -> bytes:
        """Return all data up to the end; see `receive`."""
        received = b""
        while piece := await self.receive():
            received += piece
        return received

    async def leave(self) -> None:
        """Say that there is no more, and close."""
        with suppress(ssl.SSLError):
            self.tls.unwrap()
        await self.send(b"")
        self.sock.close()

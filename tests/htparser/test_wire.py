"""A client's transport, when it is closed while nobody reads the client."""

from __future__ import annotations

import asyncio
import os
import select
import socket

from ashd.htparser._poller import Poller
from ashd.htparser._wire import Wire
from ashdtest.meanwhile import wait_for


class Protocol(asyncio.Protocol):
    def __init__(self, poller: Poller) -> None:
        self._poller = poller
        self.wire: Wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.wire = Wire(transport, self._poller, bool)

    def connection_lost(self, _: Exception | None) -> None:
        self.wire.lost()


def test_the_number_of_a_closed_descriptor_is_soon_used_again() -> None:
    """By another client, which is watched on, even if the old one was to be read again."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        poller, heard = Poller(loop), list[int]()
        ours, theirs = socket.socketpair()
        transport, protocol = await loop.connect_accepted_socket(lambda: Protocol(poller), ours)
        number = ours.fileno()
        protocol.wire.pause()
        transport.close()
        await wait_for(lambda: ours.fileno() < 0)
        os.dup2(theirs.fileno(), number)  # somebody else has this number now
        poller.add(number, select.EPOLLIN, heard.append)
        protocol.wire.resume()
        await wait_for(lambda: heard)
        poller.forget(number)
        os.close(number)
        theirs.close()
        poller.close()

    asyncio.run(scenario())

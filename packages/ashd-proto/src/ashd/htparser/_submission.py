"""From the head of a request to the exchange that takes it to a handler."""

from __future__ import annotations

from ._exchange import Client, Exchange
from ._head import RequestHead
from ._interface import Surroundings
from ._peer import Peer
from ._record import Record
from ._response import ResponseFramer


def new_exchange(
    client: Client, server: Surroundings, head: RequestHead, peer: Peer, record: Record | None
) -> Exchange:
    """Return what will serve a request of `peer`; nothing is sent yet."""
    keep_alive = head.keep_alive and not server.closing and not server.room.wanted
    framer = ResponseFramer(head.method == b"HEAD", head.version == b"HTTP/1.1", keep_alive)
    request_id = b""
    if record is not None and record.watching:
        request_id = record.follow(framer)
    datagram = head.encode(head.client or peer.encoded, request_id, server.framing)
    exchange = Exchange(client, server.poller, framer, datagram)
    if head.upgrades:
        exchange.allow_switch()
    return exchange

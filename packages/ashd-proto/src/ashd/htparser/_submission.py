"""From the head of a request to the exchange that takes it to a handler, and on its way there."""

from __future__ import annotations

from ._exchange import Body, Client, Exchange
from ._head import RequestHead
from ._interface import Surroundings
from ._peer import Peer
from ._record import Record
from ._response import ResponseFramer


def new_exchange(
    client: Client,
    server: Surroundings,
    head: RequestHead,
    peer: Peer,
    record: Record | None,
    body: Body | None,
) -> Exchange:
    """Return what will serve a request of `peer`; nothing is sent yet."""
    keep_alive = head.keep_alive and not server.closing and not server.room.wanted
    framer = ResponseFramer(head.method == b"HEAD", head.version == b"HTTP/1.1", keep_alive)
    request_id = b""
    if record is not None and record.watching:
        request_id = record.follow(framer)
    datagram = head.encode(head.client or peer.encoded, request_id, server.framing)
    exchange = Exchange(client, server.poller, framer, datagram, body)
    if head.upgrades:
        exchange.allow_switch()
    return exchange


def submit(
    exchange: Exchange, server: Surroundings, head: RequestHead, record: Record | None
) -> None:
    """Hand the request to the root handler, or answer it here if it is a health check."""
    if server.health is None or not server.health.asked_by(head):
        server.queue.submit(exchange, server.queue_deadline)
        return
    if record is not None:
        record.leave_out(head)
    server.health.answer(head, exchange)

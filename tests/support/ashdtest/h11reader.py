"""What h11, a parser of others, reads in a stream: requests as a server does, or a response."""

from __future__ import annotations

from typing import NamedTuple

import h11

Fields = list[tuple[bytes, bytes]]
LARGE = 1 << 20


class Message(NamedTuple):
    """A request or a response: names of fields in lower case, the body as far as it came."""

    start: tuple[bytes, ...]
    """Method and target, or the status."""
    fields: Fields
    body: bytes
    whole: bool


class Reading(NamedTuple):
    """What there was, and why h11 refused what came next; empty if it didn't."""

    messages: list[Message]
    refusal: str
    left: bytes = b""
    """What it didn't read because the connection ends before."""


def requests(data: bytes) -> Reading:
    """Read requests, and answer each as briefly as can be."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=LARGE)
    connection.receive_data(data)
    messages: list[Message] = []
    try:
        while _message(connection, messages):
            connection.send(h11.Response(status_code=200, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            connection.start_next_cycle()
    except h11.RemoteProtocolError as error:
        return Reading(messages, str(error))
    except h11.LocalProtocolError:  # it wants to close
        return Reading(messages, "", left=connection.trailing_data[0])
    return Reading(messages, "")


def response(data: bytes, *, head_only: bool) -> Reading:
    """Read a response and what is sent before it, up to the end of the connection."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGE)
    method = "HEAD" if head_only else "GET"
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    connection.receive_data(b"")
    messages: list[Message] = []
    try:
        _message(connection, messages)
    except h11.RemoteProtocolError as error:
        return Reading(messages, str(error))
    return Reading(messages, "", left=connection.trailing_data[0])


def _message(connection: h11.Connection, messages: list[Message]) -> bool:
    """Read a message to its end; tell whether there was one."""
    while True:
        match connection.next_event():
            case h11.Request() as request:
                start: tuple[bytes, ...] = (request.method, request.target)
                messages.append(Message(start, list(request.headers), b"", whole=False))
            case h11.InformationalResponse() | h11.Response() as answer:
                start = (b"%d" % answer.status_code,)
                messages.append(Message(start, list(answer.headers), b"", whole=False))
            case h11.Data() as piece:
                message = messages.pop()
                messages.append(message._replace(body=message.body + bytes(piece.data)))
            case h11.EndOfMessage():
                messages.append(messages.pop()._replace(whole=True))
                return True
            case _:
                return False

"""The front end's reader of requests, fed with the pieces of a stream."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from ashd.htparser._buffer import ReceiveBuffer
from ashd.htparser._errors import RequestError
from ashd.htparser._head import RequestHead
from ashd.htparser._limits import Limits
from ashd.htparser._reader import END, Event, RequestReader


class Received(NamedTuple):
    """A request; whether it is `whole` tells an end of the body from an end of the stream."""

    head: RequestHead
    body: bytes
    whole: bool


class Outcome(NamedTuple):
    """The requests of a stream, the last one maybe not whole, and why no more were read."""

    requests: list[Received]
    refusal: RequestError | None


def cut(data: bytes, places: Iterable[int]) -> list[bytes]:
    """Cut a stream into pieces; places beyond its end count from its beginning again."""
    edges = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return [data[begin:end] for begin, end in pairwise(edges)]


def read_requests(
    pieces: Iterable[bytes], limits: Limits, buffer: ReceiveBuffer | None = None
) -> list[Received]:
    """Return the requests of a stream, the last one maybe not whole; raises `RequestError`."""
    requests, refusal = read_stream(pieces, limits, buffer)
    if refusal is not None:
        raise refusal
    return requests


def read_stream(
    pieces: Iterable[bytes], limits: Limits, buffer: ReceiveBuffer | None = None
) -> Outcome:
    """Read the requests of a stream up to its end, or up to what is refused."""
    requests: list[Received] = []
    try:
        for event in _events(pieces, RequestReader(limits, buffer)):
            if isinstance(event, RequestHead):
                requests.append(Received(event, b"", event.length == 0))
                continue
            head, body, _ = requests.pop()
            more = event if isinstance(event, bytes) else b""
            requests.append(Received(head, body + more, event is END))
    except RequestError as error:
        return Outcome(requests, error)
    return Outcome(requests, None)


def _events(pieces: Iterable[bytes], reader: RequestReader) -> Iterator[Event]:
    for piece in pieces:
        reader.feed(piece)
        while (event := reader.next_event()) is not None:
            yield event

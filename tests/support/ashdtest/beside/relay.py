"""A port that passes bytes on to a server, both ways, and keeps what was exchanged.

Client programs of others talk to it, so that what they send and get can be compared as well.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from bisect import bisect_right
from dataclasses import dataclass, field

from ..processes import DEADLINE
from .exchange import After, Exchange, Framing
from .wire import Head, Stream, read_answer, read_body, read_head

_PIECE = 1 << 16
UNANSWERED = ("000 No Response", (), b"", Framing.CUT, After.CLOSES)


@dataclass(eq=False)
class _Talk:
    """One connection: what went each way, and whether it has ended."""

    sent: bytearray = field(default_factory=bytearray)
    times: list[tuple[int, float]] = field(default_factory=list)
    """When the bytes from here on were sent."""
    got: bytearray = field(default_factory=bytearray)
    left: bool = False
    """Whether the client has ended it, perhaps before all of a response had come."""
    over: threading.Event = field(default_factory=threading.Event)


class Relay:
    """Owns its listening socket, and all connections through it."""

    def __init__(self, port: int, server_port: int) -> None:
        self.port = port
        self._server_port = server_port
        self._talks: list[_Talk] = []
        self._listener = socket.create_server(("127.0.0.1", port))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def take(self) -> list[Exchange]:
        """Return what was exchanged since the last call, when all connections have ended."""
        talks, self._talks = self._talks, []
        found: list[tuple[float, Exchange]] = []
        for talk in talks:
            assert talk.over.wait(DEADLINE), "a client program has left a connection open"
            found += _exchanges(talk)
        return [exchange for _, exchange in sorted(found, key=lambda pair: pair[0])]

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join(DEADLINE)
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                talk = _Talk()
                self._talks.append(talk)
                threading.Thread(target=self._pass, args=(client, talk), daemon=True).start()

    def _pass(self, client: socket.socket, talk: _Talk) -> None:
        server = socket.create_connection(("127.0.0.1", self._server_port))
        with client, server:
            there = threading.Thread(
                target=_copy, args=(client, server, talk.sent, talk.times), daemon=True
            )
            there.start()
            _copy(server, client, talk.got)
            talk.left = not there.is_alive()
            with contextlib.suppress(OSError):
                client.shutdown(socket.SHUT_RDWR)
            there.join(DEADLINE)
        talk.over.set()


def _copy(
    source: socket.socket,
    target: socket.socket,
    kept: bytearray,
    times: list[tuple[int, float]] | None = None,
) -> None:
    with contextlib.suppress(OSError):
        while piece := source.recv(_PIECE):
            if times is not None:
                times.append((len(kept), time.monotonic()))
            kept += piece
            target.sendall(piece)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def _exchanges(talk: _Talk) -> list[tuple[float, Exchange]]:
    """Read the two directions of a connection side by side; tell when each request began."""
    requests, answers = _stream(bytes(talk.sent)), _stream(bytes(talk.got))
    found = []
    while not requests.at_end():
        at = bisect_right(talk.times, requests.taken, key=lambda mark: mark[0]) - 1
        head = read_head(requests)
        read_body(requests, head, Framing.NONE)
        found.append((talk.times[at][1], _pair(head, answers, talk.left)))
    return found


def _pair(head: Head, answers: Stream, left: bool) -> Exchange:
    method, target, version = head.line.split(" ")
    expects = bool(head.header("expect"))
    if answers.at_end():
        return Exchange(method, target, version, *UNANSWERED)
    answer = read_answer(answers, method, stop_at_interim=expects)
    if expects and not answer.head.line.split(" ", 2)[1].startswith("1"):
        expects = False
    elif expects and not answers.at_end():
        read_answer(answers, method)  # litmus doesn't always wait for it
    after = After.STAYS if answer.says_it_stays(version) or expects else After.CLOSES
    framing = answer.framing
    if left and framing is Framing.CUT:  # hg doesn't wait for the last chunk, which is empty
        framing = Framing.CHUNKS
    seen = (answer.status, answer.head.headers, answer.body, framing, after)
    chunked = bool(head.header("transfer-encoding"))
    return Exchange(method, target, version, *seen, answer.interim, chunked)


def _stream(data: bytes) -> Stream:
    pieces = iter([data])
    return Stream(lambda: next(pieces, b""))

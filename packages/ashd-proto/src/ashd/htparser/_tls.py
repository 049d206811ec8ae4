"""TLS between a client's socket and its connection.

    socket <-> asyncio's transport <-> TlsSession <-> Connection

A session is the protocol of asyncio's transport, and the transport of the connection. asyncio's own
TLS tells its protocol of a client only after the handshake, and can't shut down one side; so there
a client that stalls in it could not give way, and none could be closed gently. Here the handshake
belongs to the first request head: it has the same limit of time, and stands in the same line.

Nothing is held back in either direction. What has been received is decrypted at once and handed on
as a whole, what is to be sent is encrypted at once and left to asyncio's transport, which says when
that is too much. So pausing, and looking at the socket, mean the same as without TLS. What remains
is the part of a record that has come: up to 16 KiB.

Called in the event loop's thread.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable
from contextlib import suppress
from enum import Enum
from typing import Any, Protocol, cast

from ._certificates import Certificates
from ._client_certificate import tls_headers
from ._limits import MAX_TLS_REPLIES, TLS_RECORD
from ._peer import Peer

_log = logging.getLogger("ashd.htparser")
_HTTP_STARTS = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ\r\n")
_NOT_TLS = "This port speaks HTTPS; the URL must start with https://."


class Stage(Enum):
    """How far a session is."""

    START = "start"
    """Nothing has come from the client."""
    HANDSHAKE = "handshake"
    """Nothing can be sent to the client yet; what is written is dropped."""
    OPEN = "open"
    CLEAR = "clear"
    """There is no TLS: the client speaks HTTP, or its handshake has failed. Bytes pass as they are,
    for an error page and an orderly end."""
    WE_ENDED = "we ended"
    """We have said that there is no more; what comes still counts."""
    CLIENT_ENDED = "client ended"
    """The client has said so; what is written is still sent."""
    ENDED = "ended"
    """What comes is dropped, and what is written as well."""


_FOLLOWERS = {
    Stage.START: {Stage.HANDSHAKE, Stage.CLEAR, Stage.ENDED},
    Stage.HANDSHAKE: {Stage.OPEN, Stage.CLEAR, Stage.ENDED},
    Stage.OPEN: {Stage.WE_ENDED, Stage.CLIENT_ENDED, Stage.ENDED},
    Stage.CLEAR: {Stage.ENDED},
    Stage.WE_ENDED: {Stage.ENDED},
    Stage.CLIENT_ENDED: {Stage.ENDED},
    Stage.ENDED: {Stage.ENDED},
}
_AFTER_CLIENT = {Stage.OPEN: Stage.CLIENT_ENDED, Stage.WE_ENDED: Stage.ENDED}
_SPEAKING = (Stage.OPEN, Stage.CLIENT_ENDED)
_LISTENING = (Stage.OPEN, Stage.WE_ENDED)
_START, _HANDSHAKE, _OPEN, _CLEAR, _WE_ENDED, _CLIENT_ENDED, _ENDED = Stage


class Served(Protocol):
    """What a session needs of the client's connection."""

    peer: Peer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""

    def eof_received(self) -> bool | None:
        """See `asyncio.Protocol`."""

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""

    def refuse(self, status: int, detail: str, *, head_only: bool = False) -> None:
        """Answer with an error page, and close."""

    def linger(self) -> None:
        """Close once the client has closed, or after a while."""


class TlsSession(asyncio.Protocol, asyncio.Transport):
    """See the module."""

    __slots__ = (
        "_below",
        "_certificates",
        "_incoming",
        "_later",
        "_outgoing",
        "_partial",
        "_received",
        "_served",
        "_stage",
        "_tls",
    )

    def __init__(
        self,
        served: Served,
        certificates: Certificates,
        later: Callable[[Callable[[], None]], None],
    ) -> None:
        """Serve a connection; `later` calls back when everybody else had a turn."""
        self._served: Served | None = served
        self._later = later
        self._below: asyncio.Transport
        self._certificates = certificates
        self._incoming: ssl.MemoryBIO
        self._outgoing: ssl.MemoryBIO
        self._tls: ssl.SSLObject
        self._stage = _START
        self._received = b""  # for the next step of the handshake
        self._partial = False  # part of a record has come since somebody asked

    # What asyncio's transport calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See `asyncio.Protocol`."""
        assert self._served is not None
        self._below = cast("asyncio.Transport", transport)
        self._served.connection_made(self)

    def data_received(self, data: bytes) -> None:
        """See `asyncio.Protocol`."""
        stage = self._stage
        if stage in _LISTENING:
            self._decrypt(data)
        elif stage is _HANDSHAKE:
            self._wait_for_turn(data, self._shake_hands)
        elif stage is _START:
            self._start(data)
        elif stage is _CLEAR and self._served is not None:
            self._served.data_received(data)

    def eof_received(self) -> bool | None:
        """See `asyncio.Protocol`.

        A client may leave without saying so in TLS, as many do: a request doesn't end with it.
        """
        if self._stage is _CLIENT_ENDED:  # the connection knows, and goes on
            return True
        return None if self._served is None else self._served.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        """See `asyncio.Protocol`."""
        served, self._served = self._served, None
        self._enter(_ENDED)
        if served is not None:
            served.connection_lost(exc)

    def pause_writing(self) -> None:
        """See `asyncio.Protocol`."""
        if self._served is not None:
            self._served.pause_writing()

    def resume_writing(self) -> None:
        """See `asyncio.Protocol`."""
        if self._served is not None:
            self._served.resume_writing()

    # What the connection calls

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        """See `asyncio.Transport`."""
        if self._stage is _CLEAR:
            self._below.write(data)
        elif self._stage in _SPEAKING and data:
            self._below.write(self._encrypt(data))

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """See `asyncio.BaseTransport`: a stream takes the place of a connection."""
        self._served = cast("Served", protocol)  # the rest of it is for the handshake

    def close(self) -> None:
        """See `asyncio.Transport`: the client learns that it got all."""
        self._say_the_end(_ENDED)
        self._below.close()

    def can_write_eof(self) -> bool:
        """See `asyncio.Transport`."""
        may = self._stage in _SPEAKING or self._stage is _CLEAR
        return may and self._below.can_write_eof()

    def write_eof(self) -> None:
        """See `asyncio.Transport`: the client learns that it got all."""
        self._say_the_end(_WE_ENDED if self._stage is _OPEN else _ENDED)
        self._below.write_eof()

    def abort(self) -> None:
        """See `asyncio.Transport`: the client learns nothing, so what it got was cut."""
        self._below.abort()

    def is_closing(self) -> bool:
        """See `asyncio.Transport`."""
        return self._below.is_closing()

    def pause_reading(self) -> None:
        """See `asyncio.Transport`."""
        self._below.pause_reading()

    def resume_reading(self) -> None:
        """See `asyncio.Transport`."""
        self._below.resume_reading()

    def get_write_buffer_size(self) -> int:
        """See `asyncio.Transport`."""
        return self._below.get_write_buffer_size()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """See `asyncio.Transport`; `stirs` tells whether part of a record has come lately."""
        if name == "stirs":
            partial, self._partial = self._partial, False
            return partial
        return self._below.get_extra_info(name, default)

    # The handshake

    def _start(self, data: bytes) -> None:
        if data[0] not in _HTTP_STARTS:
            self._enter(_HANDSHAKE)
            self._wait_for_turn(data, self._prepare)
        elif self._served is not None:
            self._enter(_CLEAR)
            self._served.refuse(400, _NOT_TLS, head_only=data.startswith(b"HEAD "))

    def _wait_for_turn(self, data: bytes, step: Callable[[], None]) -> None:
        """Take the next step of the handshake in our turn: it may cost a millisecond or more."""
        self._received += data  # once only: the next bytes are read after this step
        self._below.pause_reading()
        self._later(step)

    def _prepare(self) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        context = self._certificates.context
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_side=True)
        self._shake_hands()

    def _shake_hands(self) -> None:
        received, self._received = self._received, b""
        served = self._served
        if served is None or self._stage is not _HANDSHAKE or self._below.is_closing():
            return
        try:
            rest = self._take_step(received)
            headers = [] if rest is None else tls_headers(self._tls)
        except (ssl.SSLError, ValueError) as error:
            self._give_up(served, error)
            return
        self._flush()
        self._below.resume_reading()
        if rest is not None:
            self._enter(_OPEN)
            served.peer.tell(headers)
            self._decrypt(rest)

    def _take_step(self, received: bytes) -> bytes | None:
        """Return what has come after the handshake, or None if more of it has to come."""
        for start in range(0, len(received), TLS_RECORD):
            self._incoming.write(received[start : start + TLS_RECORD])
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                continue
            return received[start + TLS_RECORD :]
        return None

    def _give_up(self, served: Served, error: Exception) -> None:
        """Let the client see the alert, should there be one."""
        _log.debug("a TLS handshake failed: %s", error)
        self._flush()
        self._enter(_CLEAR)
        self._below.resume_reading()
        served.linger()

    # Records

    def _decrypt(self, data: bytes) -> None:
        pieces: list[bytes] = []
        whole = True
        try:
            for start in range(0, len(data) or 1, TLS_RECORD):
                self._incoming.write(data[start : start + TLS_RECORD])
                whole = whole and self._read_records(pieces)
        except ssl.SSLError as error:
            self._fail(error)
            return
        if self._outgoing.pending and not self._reply():
            return
        if pieces and self._served is not None:
            self._served.data_received(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        if not whole and self._stage in _LISTENING:
            self._enter(_AFTER_CLIENT[self._stage])
            self._client_has_left()

    def _read_records(self, pieces: list[bytes]) -> bool:
        """Read what is there; False when the client says that there is no more to come."""
        try:
            while self._incoming.pending or self._tls.pending():
                piece = self._tls.read(TLS_RECORD)
                if not piece:
                    return False
                pieces.append(piece)
        except ssl.SSLZeroReturnError:  # the same, after our own end
            return False
        except ssl.SSLWantReadError:
            self._partial = True
        return True

    def _reply(self) -> bool:
        """Send what TLS has to answer; False if the client asks for more but reads none."""
        self._flush()
        if self.get_write_buffer_size() <= MAX_TLS_REPLIES:
            return True
        _log.debug("a TLS connection was left: its client reads no replies")
        self._enter(_ENDED)
        self.abort()
        return False

    def _fail(self, why: ssl.SSLError) -> None:
        """Leave a client that has broken the rules."""
        _log.debug("a TLS connection failed: %s", why)
        self._flush()
        self._enter(_ENDED)
        self._client_has_left()

    def _client_has_left(self) -> None:
        """Do what asyncio's transport does at the end of a plain connection."""
        if self._served is None or not self._served.eof_received():
            self.close()

    def _encrypt(self, data: bytes | bytearray | memoryview[Any]) -> bytes:
        if len(data) <= TLS_RECORD:
            self._tls.write(data)
            return self._outgoing.read()
        view, records = memoryview(data), []
        for start in range(0, len(view), TLS_RECORD):
            self._tls.write(view[start : start + TLS_RECORD])
            records.append(self._outgoing.read())
        return b"".join(records)

    def _flush(self) -> None:
        """Send what the protocol itself has to say."""
        self._below.write(self._outgoing.read())

    def _say_the_end(self, stage: Stage) -> None:
        if self._stage in _SPEAKING and not self._below.is_closing():
            with suppress(ssl.SSLError):  # it wants to read the client's, which may come or not
                self._tls.unwrap()
            self._flush()
        self._enter(stage)

    def _enter(self, stage: Stage) -> None:
        assert stage in _FOLLOWERS[self._stage], (self._stage, stage)
        self._stage = stage

"""Responses: from what a handler writes to what the client gets. No I/O.

A handler writes status line, headers and body, and closes. `ResponseFramer` makes of it what the
client can tell the end of: by length, in chunks, or by the end of the connection. A handler may
send the body in chunks by itself (docs/reference/protocol-agreement.md); then the last chunk says
that it is whole.
"""

from __future__ import annotations

import re
import time
from enum import Enum
from importlib.metadata import PackageNotFoundError, version
from typing import Protocol

from ._chunks import ChunkFollower
from ._errors import ResponseError
from ._fields import Field, known_values
from ._kept import Kept
from ._limits import INTERIM_COST, MAX_INTERIM, MAX_RESPONSE_HEAD
from ._response_lines import (
    SWITCH,
    SWITCHING,
    Status,
    bad_length,
    read_response_field,
    read_status,
)
from ._syntax import list_members

_HEAD_END = re.compile(rb"\n\r?\n")
_status_of = Kept(read_status).__getitem__
_field_of = Kept(read_response_field).__getitem__

_HEAD_TOO_LARGE = f"The head of the handler's response is larger than {MAX_RESPONSE_HEAD} bytes."
_BEFORE_HEAD_END = 2  # bytes of a head's end that may have come before its last one
_CONTINUE = b"100"
_NOT_ASKED = "the client has not asked for another protocol"

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _server_name() -> str:
    try:
        return "ashd-htparser/" + version("ashd-proto")
    except PackageNotFoundError:  # run from a source tree
        return "ashd-htparser"


class _DateLine:
    """The Date header line, made anew each second."""

    def __init__(self) -> None:
        self._second = -1
        self._line = b""

    def line(self) -> bytes:
        """Return it for now."""
        second = int(time.time())
        if second != self._second:
            t = time.gmtime(second)
            self._line = (
                f"Date: {_DAYS[t.tm_wday]}, {t.tm_mday:02} {_MONTHS[t.tm_mon - 1]} {t.tm_year} "
                f"{t.tm_hour:02}:{t.tm_min:02}:{t.tm_sec:02} GMT\r\n"
            ).encode()
            self._second = second
        return self._line


SERVER_NAME = _server_name()
"""This program and its version."""
SERVER_LINE = b"Server: %b\r\n" % SERVER_NAME.encode()
"""The Server header line."""
date_line = _DateLine().line
"""Returns the Date header line of now."""


class _Framing(Enum):
    NONE = 0  # the head is all there is
    LENGTH = 1
    CHUNKED = 2
    CLOSE = 3  # up to the end of the connection
    OWN_CHUNKS = 4  # the handler's, passed on as they are
    DECODED_CHUNKS = 5  # the handler's, of which an HTTP/1.0 client gets what is in them


# An attribute of an Enum costs much more than a global name.
_NONE, _LENGTH, _CHUNKED, _CLOSE, _OWN_CHUNKS, _DECODED_CHUNKS = _Framing
_FOLLOWED = (_OWN_CHUNKS, _DECODED_CHUNKS)
_UP_TO_THE_END = (_CLOSE, _DECODED_CHUNKS)


class Watcher(Protocol):
    """Is told of responses."""

    def responds(self, fields: list[Field]) -> None:
        """The head of a response goes to the client."""

    def request_id(self) -> str:
        """Return the id of the request; "" if it has none."""


class ResponseFramer:
    """Turns a handler's bytes into a client's.

    Feed it what was read from the response socket and send what it returns; call `end` at the
    socket's end. When `complete` is true, nothing more is to be fed; `keep_alive` says whether
    the connection can take another request. A `fault` says why the body can't be followed any
    further: nothing more is to be fed then either, and the response is cut.

    `switched` is true after the head of a handler that takes the client's bytes over. It may do
    that once `obstacle`, which says what is in the way, has been made empty.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_current",
        "_framing",
        "_interim_left",
        "_left",
        "_length",
        "complete",
        "fault",
        "head_only",
        "keep_alive",
        "must_reset",
        "obstacle",
        "started",
        "status",
        "switched",
        "watcher",
    )

    def __init__(self, head_only: bool, current: bool, keep_alive: bool) -> None:
        """Start for a HEAD request (`head_only`) or another one, of HTTP/1.1 (`current`) or 1.0."""
        self.head_only = head_only
        self._current = current
        self.keep_alive = keep_alive
        self._buffer = bytearray()
        self._chunks: ChunkFollower | None = None
        self._framing = _NONE
        self._length = 0
        self._left = 0  # below zero without a length: as many have gone
        self._interim_left = MAX_INTERIM
        self.watcher: Watcher | None = None
        self.status = b""
        self.started = False
        self.switched = False
        self.obstacle = _NOT_ASKED
        self.complete = False
        self.fault = ""
        self.must_reset = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes of the handler; raises `ResponseError` when they are no HTTP response."""
        if not self.started:
            return self._feed_head(data)
        return self._feed_body(data)

    def end(self, *, cut: bool) -> bytes:
        """Take the end of the response socket, an error instead of its end with `cut`.

        A response that isn't whole must not look whole: `keep_alive` gets false, and `must_reset`
        true when nothing but a reset of the connection can show it. Raises `ResponseError` when
        there was no whole head.
        """
        if not self.started:
            raise ResponseError("The handler closed its connection without a response.")
        if self._framing is _CHUNKED and not cut:
            self.complete = True
            return b"0\r\n\r\n"
        if self._framing is _CLOSE and not cut:
            self.complete = True
            return b""
        self._cut(visible=cut)
        return b""

    def bytes_sent(self) -> int:
        """Return how many bytes of the body the client was given."""
        left = self._left
        if self._framing is not _LENGTH:
            return -left
        return self._length if left <= 0 else self._length - left

    def _cut(self, *, visible: bool) -> None:
        """End before the end; `visible` if the client has to be shown that, whatever it takes."""
        self.keep_alive = False
        self.must_reset = self._framing is _DECODED_CHUNKS or (visible and self._framing is _CLOSE)

    def _feed_body(self, data: bytes) -> bytes:
        if self._framing is _CHUNKED:
            self._left -= len(data)
            return b"%x\r\n%b\r\n" % (len(data), data)
        if self._framing is _LENGTH:
            left = self._left
            self.complete = len(data) >= left
            self._left = left - len(data)
            return data[:left]
        if self._chunks is not None:
            return self._feed_chunks(self._chunks, data)
        if self._framing is not _CLOSE:
            return b""
        self._left -= len(data)
        return data

    def _feed_chunks(self, chunks: ChunkFollower, data: bytes) -> bytes:
        try:
            payload = chunks.feed(data)
        except ResponseError as error:
            self.fault = str(error)
            self._cut(visible=True)
            return b""
        self.complete = chunks.complete
        self._left -= len(payload)
        if self._framing is _DECODED_CHUNKS:
            return payload
        return data[: chunks.used]

    def _feed_head(self, data: bytes) -> bytes:
        seen = 0
        if self._buffer:  # extended in place, and searched where it is new: heads may come in bytes
            seen = max(len(self._buffer) - _BEFORE_HEAD_END, 0)
            self._buffer += data
            data = bytes(self._buffer) if _HEAD_END.search(self._buffer, seen) else b""
        output = b""
        start = 0
        while match := _HEAD_END.search(data, seen):
            end = match.end()
            if end - start > MAX_RESPONSE_HEAD:
                raise ResponseError(_HEAD_TOO_LARGE)
            output += self._take_head(data[start:end])
            start = seen = end
            if self.started:
                self._buffer.clear()
                if start < len(data) and not self.complete:
                    output += self._feed_body(data[start:])
                return output
        if start or not self._buffer:
            self._buffer = bytearray(data[start:])
        if len(self._buffer) > MAX_RESPONSE_HEAD:
            raise ResponseError(_HEAD_TOO_LARGE)
        return output

    def _take_head(self, head: bytes) -> bytes:
        lines = head.split(b"\n")
        del lines[-2:]  # the empty line, and what follows its end
        status = _status_of(lines.pop(0))
        fields = list(map(_field_of, lines))
        if status.interim:
            self._interim_left -= len(head) + INTERIM_COST
            return self._interim(status, fields)
        self.started = True
        return self._final(status, fields)

    def _interim(self, status: Status, fields: list[Field]) -> bytes:
        if status.code == SWITCHING:
            return self._switch(status, fields)
        if self._interim_left < 0:
            raise ResponseError("The handler sends interim responses (1xx) without end.")
        if status.code == _CONTINUE or not self._current:
            return b""  # said by the front end already; unknown to HTTP/1.0
        return b"".join([status.line, *[field.encoded for field in fields], b"\r\n"])

    def _switch(self, status: Status, fields: list[Field]) -> bytes:
        known = known_values(fields, _joined)
        if known.get(SWITCH, b"").lower() != b"duplex":
            raise ResponseError("The handler answered with 101, but without X-Ash-Switch: duplex.")
        if self.obstacle:
            raise ResponseError(f"The handler can't switch protocols: {self.obstacle}.")
        self.started = self.complete = self.switched = True
        self.status = status.code
        if self.watcher is not None:
            self.watcher.responds(fields)
        self.keep_alive = False
        lines = [status.line, *[field.encoded for field in fields], *_upgrade_lines(known)]
        return b"".join([*lines, b"\r\n"])

    def _final(self, status: Status, fields: list[Field]) -> bytes:
        known = known_values(fields, _joined)
        if b"connection" in known and b"close" in list_members(known[b"connection"]):
            self.keep_alive = False
        framing = self._frame(known, status.bodiless)
        self.status = status.code
        if self.watcher is not None:
            self.watcher.responds(fields)
        lines = [status.line, *[field.encoded for field in fields], framing, self._added(known)]
        if status.upgrading and self._current and b"upgrade" in known:
            lines[1:1] = _upgrade_lines(known)
        return b"".join(lines)

    def _frame(self, known: dict[bytes, bytes], bodiless: bool) -> bytes:
        """Decide on the framing, and return the header line that tells the client."""
        length = known.get(b"content-length")
        coding = known.get(b"transfer-encoding")
        if bodiless or self.head_only:
            self.complete = True
            return b"" if bodiless or length is None else b"Content-Length: %b\r\n" % length
        framing = self._framing = self._choose_framing(length, coding)
        if framing is _LENGTH and length is not None:
            self._left = self._length = int(length)
            self.complete = not self._left
            return b"Content-Length: %b\r\n" % length
        if framing in _UP_TO_THE_END:
            self.keep_alive = False
        if framing in _FOLLOWED:
            self._chunks = ChunkFollower()
        if not self._current:
            return b""
        return b"Transfer-Encoding: %b\r\n" % (
            coding if coding and framing is _CLOSE else b"chunked"
        )

    def _choose_framing(self, length: bytes | None, coding: bytes | None) -> _Framing:
        if coding is not None:
            return self._coded(list_members(coding))
        if length is not None:
            return _LENGTH
        return _CHUNKED if self._current else _CLOSE

    def _coded(self, codings: list[bytes]) -> _Framing:
        """Return the framing of a body that the handler has encoded."""
        if codings == [b"chunked"]:
            return _OWN_CHUNKS if self._current else _DECODED_CHUNKS
        if not codings or b"chunked" in codings[:-1]:  # its end is in doubt
            raise ResponseError("The handler's response has a malformed Transfer-Encoding.")
        if not self._current:
            raise ResponseError("The handler's transfer coding is not for HTTP/1.0 clients.")
        return _CLOSE

    def _added(self, known: dict[bytes, bytes]) -> bytes:
        """Return the header lines that the front end adds, and the end of the head."""
        lines = b"" if b"date" in known else date_line()
        if b"server" not in known:
            lines += SERVER_LINE
        if not self.keep_alive:
            lines += b"Connection: close\r\n"
        elif not self._current:
            lines += b"Connection: keep-alive\r\n"
        return lines + b"\r\n"


def _upgrade_lines(known: dict[bytes, bytes]) -> list[bytes]:
    protocols = [b"Upgrade: %b\r\n" % known[b"upgrade"]] if b"upgrade" in known else []
    return [*protocols, b"Connection: Upgrade\r\n"]


def _joined(key: bytes, old: bytes, new: bytes) -> bytes:
    if key != b"content-length":
        return old + b"," + new
    if new != old:
        raise bad_length()
    return new

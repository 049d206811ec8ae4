"""Responses: from what a handler writes to what the client gets. No I/O.

A handler writes status line, headers and body, and closes. `ResponseFramer` makes of it what the
client can tell the end of: by length, in chunks, or by the end of the connection. A handler may
send the body in chunks by itself (docs/protocol-agreement.md); then the last chunk says that it is
whole.
"""

from __future__ import annotations

import re
import time
from enum import Enum
from importlib.metadata import PackageNotFoundError, version

from ._chunks import ChunkFollower
from ._errors import ResponseError
from ._limits import MAX_RESPONSE_HEAD
from ._syntax import TEXT, TOKEN, is_ash, list_members

_HEAD_END = re.compile(rb"\n\r?\n")
_STATUS_LINE = re.compile(rb"HTTP/[0-9]\.[0-9] ([1-9][0-9][0-9])(?: (" + TEXT + rb"))?\r?\n")
_FIELDS = re.compile(rb"(?:" + TOKEN + rb":" + TEXT + rb"\r?\n)*\r?\n")
_FIELD = re.compile(rb"([^:]+):[ \t]*([^\r\n]*)\r?\n")
_DIGITS = re.compile(rb"[0-9]{1,18}")

_BODILESS = {b"204", b"304"}
_HOP_BY_HOP = {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding"}
_NOT_IN_INTERIM = _HOP_BY_HOP | {b"content-length"}
_HEAD_TOO_LARGE = f"The head of the handler's response is larger than {MAX_RESPONSE_HEAD} bytes."
_BEFORE_HEAD_END = 2  # bytes of a head's end that may have come before its last one
_SWITCHING = b"101"
_CONTINUE = b"100"

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

    def __call__(self) -> bytes:
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
date_line = _DateLine()
"""Returns the Date header line of now."""


class _Framing(Enum):
    NONE = 0  # the head is all there is
    LENGTH = 1
    CHUNKED = 2
    CLOSE = 3  # up to the end of the connection
    OWN_CHUNKS = 4  # the handler's, passed on as they are
    DECODED_CHUNKS = 5  # the handler's, of which an HTTP/1.0 client gets what is in them


_FOLLOWED = {_Framing.OWN_CHUNKS, _Framing.DECODED_CHUNKS}
_UP_TO_THE_END = {_Framing.CLOSE, _Framing.DECODED_CHUNKS}


class ResponseFramer:
    """Turns a handler's bytes into a client's.

    Feed it what was read from the response socket and send what it returns; call `end` at the
    socket's end. When `complete` is true, nothing more is to be fed; `keep_alive` says whether
    the connection can take another request. A `fault` says why the body can't be followed any
    further: nothing more is to be fed then either, and the response is cut.
    """

    __slots__ = (
        "_buffer",
        "_chunks",
        "_current",
        "_framing",
        "_left",
        "complete",
        "fault",
        "head_only",
        "keep_alive",
        "must_reset",
        "started",
    )

    def __init__(self, *, head_only: bool, current: bool, keep_alive: bool) -> None:
        """Start for a HEAD request (`head_only`) or another one, of HTTP/1.1 (`current`) or 1.0."""
        self.head_only = head_only
        self._current = current
        self.keep_alive = keep_alive
        self._buffer = bytearray()
        self._chunks: ChunkFollower | None = None
        self._framing = _Framing.NONE
        self._left = 0
        self.started = False
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
        if self._framing is _Framing.CHUNKED and not cut:
            self.complete = True
            return b"0\r\n\r\n"
        self._cut(visible=cut)
        return b""

    def _cut(self, *, visible: bool) -> None:
        """End before the end; `visible` if the client has to be shown that, whatever it takes."""
        self.keep_alive = False
        self.must_reset = self._framing is _Framing.DECODED_CHUNKS or (
            visible and self._framing is _Framing.CLOSE
        )

    def _feed_body(self, data: bytes) -> bytes:
        if self._framing is _Framing.CHUNKED:
            return b"%x\r\n%b\r\n" % (len(data), data)
        if self._framing is _Framing.LENGTH:
            if len(data) >= self._left:
                data = data[: self._left]
                self.complete = True
            self._left -= len(data)
            return data
        if self._chunks is not None:
            return self._feed_chunks(self._chunks, data)
        return data if self._framing is _Framing.CLOSE else b""

    def _feed_chunks(self, chunks: ChunkFollower, data: bytes) -> bytes:
        try:
            payload = chunks.feed(data)
        except ResponseError as error:
            self.fault = str(error)
            self._cut(visible=True)
            return b""
        self.complete = chunks.complete
        if self._framing is _Framing.DECODED_CHUNKS:
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
        while end := _HEAD_END.search(data, max(start, seen)):
            if end.end() - start > MAX_RESPONSE_HEAD:
                raise ResponseError(_HEAD_TOO_LARGE)
            output += self._take_head(data[start : end.end()])
            start = end.end()
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
        line = _STATUS_LINE.match(head)
        if line is None or not _FIELDS.fullmatch(head, line.end()):
            raise ResponseError("The handler's response has a malformed head.")
        status, reason = line.groups()
        fields: list[tuple[bytes, bytes]] = _FIELD.findall(head, line.end())
        if status[0] == 0x31:
            return self._interim(status, reason, fields)
        self.started = True
        return self._final(status, reason or b"", fields)

    def _interim(
        self, status: bytes, reason: bytes | None, fields: list[tuple[bytes, bytes]]
    ) -> bytes:
        if status == _SWITCHING:
            raise ResponseError("The handler tried to switch protocols.")
        if status == _CONTINUE or not self._current:
            return b""  # said by the front end already; unknown to HTTP/1.0
        lines = [b"HTTP/1.1 %b %b\r\n" % (status, reason or b"")]
        lines += [
            b"%b: %b\r\n" % (name, value)
            for name, value in fields
            if name.lower() not in _NOT_IN_INTERIM and not is_ash(name)
        ]
        return b"".join(lines) + b"\r\n"

    def _final(self, status: bytes, reason: bytes, fields: list[tuple[bytes, bytes]]) -> bytes:
        output = [b"HTTP/1.1 %b %b\r\n" % (status, reason)]
        seen: dict[bytes, bytes] = {}
        bodiless = status in _BODILESS
        for name, value in fields:
            lower = name.lower()
            if lower in _HOP_BY_HOP:
                seen[lower] = seen[lower] + b"," + value if lower in seen else value
            elif lower == b"content-length":
                self._take_length(seen, value.rstrip(b" \t"))
            elif not (lower[:1] == b"x" and is_ash(name)):
                seen[lower] = value
                output.append(b"%b: %b\r\n" % (name, value))
        if b"connection" in seen and b"close" in list_members(seen[b"connection"]):
            self.keep_alive = False
        output += self._frame(seen, bodiless)
        output += self._add_missing(seen)
        return b"".join(output)

    def _take_length(self, seen: dict[bytes, bytes], value: bytes) -> None:
        if not _DIGITS.fullmatch(value) or seen.get(b"content-length", value) != value:
            raise ResponseError("The handler's response has a malformed Content-Length.")
        seen[b"content-length"] = value

    def _frame(self, seen: dict[bytes, bytes], bodiless: bool) -> list[bytes]:
        """Decide on the framing, and return the header lines that tell the client."""
        length = seen.get(b"content-length")
        coding = seen.get(b"transfer-encoding")
        if bodiless or self.head_only:
            self.complete = True
            return [] if bodiless or length is None else [b"Content-Length: %b\r\n" % length]
        framing = self._framing = self._choose_framing(length, coding)
        if framing is _Framing.LENGTH and length is not None:
            self._left = int(length)
            self.complete = not self._left
            return [b"Content-Length: %b\r\n" % length]
        if framing in _UP_TO_THE_END:
            self.keep_alive = False
        if framing in _FOLLOWED:
            self._chunks = ChunkFollower()
        return [b"Transfer-Encoding: %b\r\n" % (coding or b"chunked")] if self._current else []

    def _choose_framing(self, length: bytes | None, coding: bytes | None) -> _Framing:
        if coding is not None and list_members(coding) == [b"chunked"]:
            return _Framing.OWN_CHUNKS if self._current else _Framing.DECODED_CHUNKS
        if coding is not None and not self._current:
            raise ResponseError("The handler's transfer coding is not for HTTP/1.0 clients.")
        if coding is not None:
            return _Framing.CLOSE
        if length is not None:
            return _Framing.LENGTH
        return _Framing.CHUNKED if self._current else _Framing.CLOSE

    def _add_missing(self, seen: dict[bytes, bytes]) -> list[bytes]:
        lines = []
        if b"date" not in seen:
            lines.append(date_line())
        if b"server" not in seen:
            lines.append(SERVER_LINE)
        if not self.keep_alive:
            lines.append(b"Connection: close\r\n")
        elif not self._current:
            lines.append(b"Connection: keep-alive\r\n")
        lines.append(b"\r\n")
        return lines

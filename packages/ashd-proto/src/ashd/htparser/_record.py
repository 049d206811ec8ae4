"""What the access log tells of a client's requests, and the ids that they get.

A connection has a `Record` if somebody asks for one of these; nobody else pays for it. It is told
how each request ends. Of their beginning it is told only if the format wants to know more than
what is known in the end, or requests get ids. Called in the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

from ashd.accesslog import BURST, CUT, AccessFormat, AccessLog, Details, LogFile, Sender
from ashd.proto import REQUEST_ID, request_ids

from ._fields import Field
from ._given_id import given_id
from ._head import RequestHead
from ._limits import MAX_SHOWN
from ._peer import Peer
from ._reader import RequestReader
from ._response import ResponseFramer

_LEFT = b"499"
"""The status of a request whose client left, or had to go, before a response had begun."""

_OK, _CUT, _REFUSED = b"ok", b"cut", b"refused"
_ADDRESS = b"X-Ash-Address\0"
_TOLD = {
    "connection_id": b"X-Ash-Connection-ID\0",
    "protocol": b"X-Ash-Protocol\0",
}
"""What handlers are told of the client."""
_SUBJECT = b"X-Ash-TLS-Client-Subject\0"
_ID_START = REQUEST_ID + b"\0"


class Records:
    """What the records of a process share. It owns the log.

    Attributes:
        watching: whether records have to be told of the beginning of requests and responses.
    """

    __slots__ = ("form", "ids", "log", "watching")

    def __init__(self, file: LogFile | None, form: AccessFormat, *, identify: bool) -> None:
        """Write lines of the format `form` to `file`; give each request an id with `identify`."""
        self.log = None if file is None else AccessLog(file, form)
        self.form = form
        self.ids: Iterator[bytes] | None = None
        if identify or form.identified:
            self.ids = request_ids()
        self.watching = self.ids is not None or form.watching

    def tick(self) -> None:
        """Write the lines of what has come; to be called each second."""
        if self.log is not None:
            self.log.tick()

    def reopen(self) -> None:
        """Open the file anew: the old one was moved away."""
        if self.log is not None:
            self.log.reopen()
            self.log.tick()

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self.log is not None:
            self.log.close()


class Record:
    """The requests that a connection serves: entries of the access log."""

    __slots__ = (
        "_began",
        "_by",
        "_client",
        "_fields",
        "_first_byte",
        "_given",
        "_last",
        "_peer",
        "_request_id",
        "_response",
        "_sender",
        "_shared",
        "received",
        "watching",
    )

    def __init__(self, shared: Records, peer: Peer) -> None:
        """Begin without a request."""
        self._shared = shared
        self._peer = peer
        self._last: RequestHead | None = None  # that was logged
        self._fields: list[Field] = []
        self._by = b""  # what a proxy has told of it
        self._client = peer.address
        self._sender: Sender | None = None
        self._given = b""  # the id that a proxy gives
        self._response: list[Field] = []
        self._began = 0.0
        self._first_byte = -1.0
        self._request_id = b""
        self.watching: bool = shared.watching
        self.received = 0

    # What the connection tells, if the record is watching

    def begin(self, head: RequestHead) -> None:
        """A request has come, with or without its body."""
        self._look_at(head)
        self._response = []
        self._began = monotonic()
        self._first_byte = -1.0
        ids = self._shared.ids
        if ids is not None:
            self._request_id = self._given or next(ids)

    def follow(self, framer: ResponseFramer) -> bytes:
        """Look at a response; return the encoded header that tells the handler the request's id."""
        framer.watcher = self
        return b"".join((_ID_START, self._request_id, b"\0")) if self._request_id else b""

    def responds(self, fields: list[Field]) -> None:
        """See `Watcher`."""
        self._response = fields
        self._first_byte = monotonic() - self._began

    def request_id(self) -> str:
        """See `Watcher`."""
        return self._request_id.decode("ascii")

    # What it tells in any case

    def done(self, head: RequestHead | None, framer: ResponseFramer) -> None:
        """The response is over."""
        self._log(head, framer.status, framer.bytes_sent(), _OK if framer.complete else _CUT)

    def switched(
        self, head: RequestHead | None, framer: ResponseFramer
    ) -> Callable[[int, int], object]:
        """The connection is a stream now: return what is to be called when that is over."""

        def over(sent: int, received: int) -> None:
            self.received += received
            self._log(head, framer.status, sent, _OK)

        return over

    def refused(
        self, head: RequestHead | None, reader: RequestReader, status: int, page: bytes
    ) -> None:
        """The front end answers by itself with `page`; `reader` has what wasn't read any more."""
        begin = (reader.refused or reader.buffer.peek(MAX_SHOWN)).partition(b"\r\n")[0]
        sent = len(page) - page.index(b"\r\n\r\n") - 4
        self._log(head, b"%d" % status, sent, _REFUSED, begin)

    def left(self, head: RequestHead | None, framer: ResponseFramer | None, unsent: int) -> None:
        """The connection is cut, with so many bytes of a response unsent."""
        if head is not None:
            started = framer is not None and framer.started
            status = framer.status if framer is not None and started else _LEFT
            sent = max(0, framer.bytes_sent() - unsent) if framer is not None else 0
            self._log(head, status, sent, _CUT)

    def leave_out(self, head: RequestHead) -> None:
        """Log nothing of this request."""
        self._last = head

    def _log(
        self, head: RequestHead | None, status: bytes, sent: int, outcome: bytes, begin: bytes = b""
    ) -> None:
        """Add an entry; that of a request without head shows how that began."""
        log = self._shared.log
        if log is None or (head is self._last and head is not None):
            self.received = 0
            return
        self._last = head
        if head is None:
            self._look_at_nothing()
            method, target, version = b"", begin, b""
        else:
            if head.fields is not self._fields or head.client is not self._by:
                self._look_at(head)
            method, target, version = head.method, head.url, head.version
            if len(method) + len(target) > CUT:
                method, target = method[:CUT], target[:CUT]
        sender = self._sender or self._make_sender()
        details: Details | None = None
        form = self._shared.form
        if form.detailed:
            ended = monotonic()
            details = (
                outcome,
                self.received,
                ended,
                ended - self._began if head is not None else -1.0,
                self._first_byte,
                self._request_id,
                self._response_values() if form.response_headers else (),
            )
        self.received = 0
        log.entries.append((sender, method, target, version, status, sent, details))
        if len(log.entries) >= BURST:
            log.make_lines()

    def _look_at(self, head: RequestHead) -> None:
        """Take what is known by now: before the first request, or when a client says other things.

        Those of a client that stays are mostly the same objects.
        """
        before = self._fields, self._by
        self._fields, self._by = head.fields, head.client
        if before[0] == head.fields and before[1] == head.client:
            return
        self._client = _encoded(head.client, _ADDRESS) or self._peer.address
        self._sender = None
        if self._peer.trusted and self._shared.ids is not None:
            added = head.fields[::-1]  # its own headers come after those of its client
            ids = (_value(added, name) for name in (b"x-request-id", b"traceparent"))
            self._given = given_id(*ids)

    def _look_at_nothing(self) -> None:
        self._request_id = b""
        self._fields, self._response = [], []
        self._sender = None
        self._first_byte = -1.0

    def _make_sender(self) -> Sender:
        form = self._shared.form
        values = [self._sender_value(name)[:CUT] for name in form.sender_values]
        self._sender = form.sender(values)
        return self._sender

    def _sender_value(self, name: str) -> bytes:
        """Return one of `AccessFormat.sender_values`."""
        if name == "client":
            return self._client
        if name == "user":
            return _encoded(self._peer.encoded, _SUBJECT)
        if name in _TOLD:
            return _encoded(self._by or self._peer.encoded, _TOLD[name])
        return _value(self._fields, name.partition(":")[2].encode())

    def _response_values(self) -> list[bytes]:
        names = self._shared.form.response_headers
        return [_value(self._response, name)[:CUT] for name in names]


def _value(fields: list[Field], name: bytes) -> bytes:
    for field in fields:
        if field.name.lower() == name:
            return field.value
    return b""


def _encoded(headers: bytes, name: bytes) -> bytes:
    """Return a header's value out of encoded ones."""
    return headers.partition(name)[2].partition(b"\0")[0]

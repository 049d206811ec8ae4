"""What the access log tells of a client's requests, and the ids that they get.

A connection has a `Record` if somebody asks for one of these; nobody else pays for it. It is told
how each request ends. Of their beginning it is told only if the format wants to know more than
what is known in the end, or requests get ids. Called in the event loop's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import monotonic

from ashd.accesslog import AccessFormat, LogFile
from ashd.proto import REQUEST_ID, request_ids
from ashd.proto._codec import encode_headers

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
_CONNECTION_ID = b"X-Ash-Connection-ID\0"
_SUBJECT = b"X-Ash-TLS-Client-Subject\0"
_PROTOCOL = b"X-Ash-Protocol\0"


class Records:
    """What the records of a process share. It owns the log's file.

    Attributes:
        watching: whether records have to be told of the beginning of requests and responses.
    """

    __slots__ = ("file", "form", "ids", "plain", "watching")

    def __init__(
        self, file: LogFile | None, form: AccessFormat, *, identify: bool, plain: bool
    ) -> None:
        """Write lines of the format `form` to `file`; give each request an id with `identify`.

        `plain` says that no target with quotation marks or bytes beyond ASCII is let in.
        """
        self.file = file
        self.form = form
        self.plain = plain
        self.ids: Iterator[bytes] | None = None
        if identify or form.identified:
            self.ids = request_ids()
        self.watching = self.ids is not None or form.watching

    def tick(self) -> None:
        """Write the lines that have come; to be called each second."""
        self.form.tick()
        if self.file is not None:
            self.file.flush()

    def reopen(self) -> None:
        """Open the file anew: the old one was moved away."""
        if self.file is not None:
            self.file.reopen()
            self.file.flush()

    def close(self) -> None:
        """Write what is left, and close the file."""
        if self.file is not None:
            self.file.close()


class Record:
    """The request that a connection serves: an entry of the access log."""

    __slots__ = (
        "_began",
        "_by",
        "_fields",
        "_found",
        "_last",
        "_peer",
        "_response",
        "_shared",
        "_told",
        "client",
        "duration",
        "first_byte",
        "kept",
        "line",
        "method",
        "outcome",
        "plain",
        "received",
        "request_id",
        "sent",
        "status",
        "target",
        "user",
        "version",
        "watching",
    )

    def __init__(self, shared: Records, peer: Peer) -> None:
        """Begin without a request."""
        self._shared = shared
        self._peer = peer
        self._last: RequestHead | None = None  # that was logged
        self._fields: list[Field] = []
        self._found: dict[bytes, bytes] = {}  # headers of these
        self._response: list[Field] = []
        self._began = 0.0
        self.watching: bool = shared.watching
        self.plain = False
        self._by = b""  # what a proxy has told of it
        self._told = peer.encoded  # to handlers, about the client
        self.client = peer.address
        self.user = b""
        self.method = self.target = self.version = self.line = b""
        self.request_id = self.kept = b""
        self.status = self.outcome = b""
        self.sent = self.received = 0
        self.duration = self.first_byte = -1.0

    # What the connection tells, if the record is watching

    def begin(self, head: RequestHead) -> None:
        """A request has come, with or without its body."""
        self._look_at(head)
        self._response = []
        self._began = monotonic()
        self.first_byte = -1.0
        if self._shared.ids is not None:
            self.request_id = self._given() or next(self._shared.ids)

    def follow(self, framer: ResponseFramer) -> bytes:
        """Look at a response; return the encoded header that tells the handler the request's id."""
        framer.watcher = self
        return encode_headers([(REQUEST_ID, self.request_id)]) if self.request_id else b""

    def responds(self, fields: list[Field]) -> None:
        """See `Watcher`."""
        self._response = fields
        self.first_byte = monotonic() - self._began

    # What it tells in any case

    def done(self, head: RequestHead | None, framer: ResponseFramer) -> None:
        """The response is over."""
        self.status = framer.status
        self.sent = framer.sent
        self._log(head, _OK if framer.complete else _CUT)

    def switched(
        self, head: RequestHead | None, framer: ResponseFramer
    ) -> Callable[[int, int], object]:
        """The connection is a stream now: return what is to be called when that is over."""

        def over(sent: int, received: int) -> None:
            self.status = framer.status
            self.sent = sent
            self.received += received
            self._log(head, _OK)

        return over

    def refused(
        self, head: RequestHead | None, reader: RequestReader, status: int, page: bytes
    ) -> None:
        """The front end answers by itself with `page`; `reader` has what wasn't read any more."""
        self.status = b"%d" % status
        self.sent = len(page) - page.index(b"\r\n\r\n") - 4
        self.line = (reader.refused or reader.buffer.peek(MAX_SHOWN)).partition(b"\r\n")[0]
        self._log(head, _REFUSED)

    def left(self, head: RequestHead | None, framer: ResponseFramer | None, unsent: int) -> None:
        """The connection is cut, with so many bytes of a response unsent."""
        if head is not None:
            started = framer is not None and framer.started
            self.status = framer.status if framer is not None and started else _LEFT
            self.sent = max(0, framer.sent - unsent) if framer is not None else 0
            self._log(head, _CUT)

    def leave_out(self, head: RequestHead) -> None:
        """Log nothing of this request."""
        self._last = head

    def _log(self, head: RequestHead | None, outcome: bytes) -> None:
        shared = self._shared
        if shared.file is None or (head is self._last and head is not None):
            self.received = 0
            return
        self._last = head
        if head is None:
            self._look_at_nothing()
        else:
            self._look_at(head)
        self.outcome = outcome
        if self.watching:
            self.duration = -1.0 if head is None else monotonic() - self._began
        shared.file.add(shared.form.line(self))
        self.received = 0

    def _look_at(self, head: RequestHead) -> None:
        self.method, self.target, self.version = head.method, head.url, head.version
        # Those of a client that stays are mostly the same objects.
        if head.fields != self._fields or head.client != self._by:
            self._fields = head.fields
            self._found = {}
            self.kept = b""
            self._look_at_client(head)

    def _look_at_client(self, head: RequestHead) -> None:
        """Take what is known by now: before the first request, or by headers of a proxy's."""
        own = self._peer.encoded
        self._by = head.client
        self._told = head.client or own
        self.client = _encoded(head.client, _ADDRESS) or self._peer.address
        self.user = _encoded(own, _SUBJECT)
        self.plain = self._shared.plain and not head.client

    def _look_at_nothing(self) -> None:
        self.method = self.target = self.version = self.request_id = self.kept = b""
        self.plain = False
        self._fields, self._found, self._response = [], {}, []
        self.first_byte = -1.0

    # What the format asks

    def request_header(self, name: bytes) -> bytes:
        """See `Entry`."""
        value = self._found.get(name)
        if value is None:
            value = self._found[name] = _value(self._fields, name)
        return value

    def response_header(self, name: bytes) -> bytes:
        """See `Entry`."""
        return _value(self._response, name)

    @property
    def connection_id(self) -> bytes:
        """See `Entry`."""
        return _encoded(self._told, _CONNECTION_ID)

    @property
    def protocol(self) -> bytes:
        """See `Entry`."""
        return _encoded(self._told, _PROTOCOL)

    def _given(self) -> bytes:
        if not self._peer.trusted:
            return b""
        return given_id(self.request_header(b"x-request-id"), self.request_header(b"traceparent"))


def _value(fields: list[Field], name: bytes) -> bytes:
    for field in fields:
        if field.name.lower() == name:
            return field.value
    return b""


def _encoded(headers: bytes, name: bytes) -> bytes:
    """Return a header's value out of encoded ones."""
    return headers.partition(name)[2].partition(b"\0")[0]

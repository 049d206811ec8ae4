"""The last requests of a process, kept for those who want to look at them or to send one again.

Off until a client of the debug socket switches it on (`ashd-pdm requests --record`). Secrets are
masked before anything is kept. Threads that serve add requests, those of the debug socket read.
"""

from __future__ import annotations

import itertools
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ashd.pdm.perf import AttrInfo, Functions
from ashd.wsgi._adapter import Served
from ashd.wsgi._body import Input
from ashd.wsgi._secrets import Secrets

MOST_REQUESTS = 1000
MOST_BYTES = 8 << 20
"""Bytes of heads and bodies that a process keeps: half of what one message to a client holds."""

MOST_OF_BODY = 1 << 20
"""Bytes of one body."""

Pairs = list[tuple[bytes, bytes]]
Recorded = dict[str, Any]
"""A request as a client gets it: `ashd.pdm` says what is in it (`RecordedRequest`)."""


class Recording:
    """The last requests since it was switched on. Any thread may use it."""

    def __init__(self, count: int, bodies: int, mask: Iterable[str]) -> None:
        """Keep `count` requests, `bodies` bytes of each body, and nothing that `mask` names."""
        self.count = count
        self.bodies = bodies
        self._secrets = Secrets(mask)
        self._ids = itertools.count(1)
        self._lock = threading.Lock()  # guards what is below
        self._kept: deque[tuple[int, Recorded]] = deque()
        self._size = 0

    def watch(self, environ: dict[str, Any]) -> bytearray | None:
        """Return what will get the body's begin as the application reads it; None without one."""
        source = environ["wsgi.input"]
        if not self.bodies or not isinstance(source, Input):
            return None
        begin = bytearray()
        room = self.bodies

        def copy(piece: memoryview) -> None:
            begin.extend(piece[: room - len(begin)])

        source.copy = copy
        return begin

    def add(self, served: Served, body: bytearray | None, seconds: float, aborted: bool) -> None:
        """Keep a request that is over."""
        request, response = served.request, served.response
        content_type = (request.get("Content-Type") or request.get("CONTENT_TYPE") or b"").decode(
            "latin-1"
        )
        headers = self._masked(request.headers)
        answered = self._masked(response.headers)
        kept = None if body is None else self._secrets.mask_body(content_type, bytes(body))
        url = self._secrets.mask_query(request.url.decode("latin-1")).encode("latin-1")
        strings = (url, request.rest, kept or b"", *itertools.chain(*headers, *answered))
        self._append(
            sum(map(len, strings)),
            {
                "id": f"{os.getpid()}-{next(self._ids)}",
                "time": time.time() - seconds,
                "seconds": seconds,
                "method": request.method,
                "url": url,
                "version": request.version,
                "rest": request.rest,
                "headers": headers,
                "body": kept,
                "received": served.received,
                "whole": len(body or b"") == served.received,
                "status": response.status,
                "response": answered,
                "sent": response.bytes_sent(),
                "aborted": aborted,
            },
        )

    def _masked(self, headers: Pairs) -> Pairs:
        mask = self._secrets.mask_header
        return [
            (name, mask(name.decode("latin-1"), value.decode("latin-1")).encode("latin-1"))
            for name, value in headers
        ]

    def _append(self, size: int, recorded: Recorded) -> None:
        with self._lock:
            self._kept.append((size, recorded))
            self._size += size
            while self._kept and (len(self._kept) > self.count or self._size > MOST_BYTES):
                self._size -= self._kept.popleft()[0]

    def kept(self) -> list[Recorded]:
        """Return what is kept, the oldest first."""
        with self._lock:
            return [recorded for _, recorded in self._kept]


_SUMMARY = ("id", "time", "seconds", "method", "url", "status", "aborted")


class Recorder:
    """The PERF object: an attribute that lists what is kept, and calls.

    Attributes:
        recording: what requests are added to; None while it is off.
    """

    def __init__(self) -> None:
        """Be off."""
        self.recording: Recording | None = None
        functions = Functions(record=self.record, stop=self.stop, get=self.get)
        self.invoke: Callable[..., object] = functions.invoke

    def pdm_protocols(self) -> list[str]:
        """Implement `PerfObject`."""
        return ["attr", "invoke"]

    def attrinfo(self) -> AttrInfo:
        """Implement `Readable`."""
        return AttrInfo("the last requests, if they are recorded", "each")

    def readattr(self) -> dict[str, Any]:
        """Implement `Readable`."""
        recording = self.recording
        kept = [] if recording is None else recording.kept()
        return {
            "recording": 0 if recording is None else recording.count,
            "requests": [{key: each[key] for key in _SUMMARY} for each in kept],
        }

    def record(self, count: int, bodies: int = 0, mask: Iterable[str] = ()) -> None:
        """Keep the last `count` requests from now on, and `bodies` bytes of each one's body.

        Values of headers, parameters and keys whose names contain one of `mask` are secret, too.
        """
        if not 0 < count <= MOST_REQUESTS or not 0 <= bodies <= MOST_OF_BODY:
            raise ValueError(
                f"up to {MOST_REQUESTS} requests are kept, and {MOST_OF_BODY} bytes of each body"
            )
        self.recording = Recording(int(count), int(bodies), list(mask))

    def stop(self) -> None:
        """Forget everything, and keep nothing more."""
        self.recording = None

    def get(self, ident: str) -> Recorded | None:
        """Return a request with all that is known of it; None if this process doesn't have it."""
        recording = self.recording
        kept = [] if recording is None else recording.kept()
        return next((each for each in kept if each["id"] == ident), None)


recorder: Recorder = Recorder()

"""Lines of an access log: what they say, and that no client can make them say something else."""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ashd.accesslog import FIELDS, MAX_LINE, PRESETS, AccessFormat, Entry, FormatError
from ashd.htparser._given_id import given_id
from ashd.proto import request_ids

TIME = r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}"


@dataclass
class Served:
    """A request that was served."""

    client: bytes = b"192.0.2.1"
    user: bytes = b""
    method: bytes = b"GET"
    target: bytes = b"/a?b=c"
    version: bytes = b"HTTP/1.1"
    status: bytes = b"200"
    sent: int = 13
    received: int = 5
    duration: float = 0.25
    first_byte: float = -1.0
    request_id: bytes = b"abc"
    connection_id: bytes = b"c-1"
    protocol: bytes = b"http"
    outcome: bytes = b"ok"
    headers: dict[bytes, bytes] = field(default_factory=dict)
    response: dict[bytes, bytes] = field(default_factory=dict)

    def entry(self, form: AccessFormat) -> Entry:
        """Return what a program tells of it."""
        senders = {
            "client": self.client,
            "user": self.user,
            "connection_id": self.connection_id,
            "protocol": self.protocol,
        }
        values = [
            senders.get(name) or self.headers.get(name.partition(":")[2].encode(), b"")
            for name in form.sender_values
        ]
        headers = [self.response.get(name, b"") for name in form.response_headers]
        times = time.monotonic(), self.duration, self.first_byte
        details = self.outcome, self.received, *times, self.request_id, headers
        line = self.method, self.target, self.version
        sender = form.sender(values)
        return sender, *line, self.status, self.sent, details if form.detailed else None


def line_of(form: str | AccessFormat, served: Served) -> bytes:
    """Return the line of one request."""
    compiled = AccessFormat(form) if isinstance(form, str) else form
    (line,) = compiled.lines([served.entry(compiled)])
    return line


def test_presets() -> None:
    headers = {b"referer": b"http://x/", b"user-agent": b"curl/8"}
    served = Served(headers=headers)
    common = rf'192\.0\.2\.1 - - \[{TIME}\] "GET /a\?b=c HTTP/1\.1" 200 13'
    assert re.fullmatch(common + "\n", line_of("common", served).decode())
    combined = line_of("combined", served).decode()
    assert re.fullmatch(common + ' "http://x/" "curl/8"\n', combined)
    record = json.loads(line_of("json", served))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", record.pop("time"))
    assert record == {
        "client": "192.0.2.1",
        "user": None,
        "method": "GET",
        "target": "/a?b=c",
        "version": "HTTP/1.1",
        "status": 200,
        "sent": 13,
        "received": 5,
        "duration": 0.25,
        "first_byte": None,
        "referer": "http://x/",
        "agent": "curl/8",
        "host": None,
        "request_id": "abc",
        "connection_id": "c-1",
        "protocol": "http",
        "outcome": "ok",
    }


def test_every_field_stands_in_every_kind_of_format() -> None:
    text = AccessFormat("{{" + " ".join(f"{{{name}}}" for name in FIELDS) + "}} 100%")
    assert line_of(text, Served()).startswith(b"{")
    assert line_of(text, Served()).endswith(b"} 100%\n")
    assert text.watching
    assert text.identified
    assert set(json.loads(line_of("json:" + ",".join(FIELDS), Served()))) == set(FIELDS)


def test_headers_by_name() -> None:
    served = Served(headers={b"x-a": b"1"}, response={b"etag": b'"v"'})
    names = "request:X-A", "response:ETag", "request:none"
    text = AccessFormat(" ".join(f"{{{name}}}" for name in names))
    assert line_of(text, served) == b"1 \\x22v\\x22 -\n"
    assert text.watching
    assert not text.identified
    record = json.loads(line_of("json:" + ",".join(names), served))
    assert record == {"request:X-A": "1", "response:ETag": '"v"', "request:none": None}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{staus}", "there is no field {staus}; there are time, "),
        ("{request:}", "there is no field {request}"),
        ("combine", "is no preset (common, combined, json)"),
        ("{status", "expected '}'"),
        ("{status!r}", "!r has no meaning"),
        ("{status}\n", "control characters"),
        ("json:nosuch", "there is no field {nosuch}"),
    ],
)
def test_wrong_formats_are_explained(text: str, complaint: str) -> None:
    with pytest.raises(FormatError, match=re.escape(complaint)):
        AccessFormat(text)


@pytest.mark.parametrize("preset", [*PRESETS, "json"])
@given(st.binary(max_size=80), st.binary(max_size=300), st.integers(1, 60))
def test_no_client_forges_a_line(preset: str, odd: bytes, long: bytes, times: int) -> None:
    value = odd + long * times
    headers = {b"user-agent": value, b"referer": value, b"host": value}
    served = Served(b"::1", value, value, value, value, headers=headers)
    line = line_of(preset, served)
    assert line.endswith(b"\n")
    assert re.fullmatch(rb"[ -~]*", line[:-1]), "no control characters, nothing beyond ASCII"
    assert len(line) <= MAX_LINE, "a pipe would not take it in one piece"
    if preset == "json":
        json.loads(line)
    else:
        assert line.count(b'"') == {"common": 2, "combined": 6}[preset]


ODD = (
    Served(),
    Served(target=b"/" + b"a" * 5000, headers={b"user-agent": b"b" * 5000}),
    Served(b"", b"", b"", b'\x16\x03\x01"', b"", status=b"400", duration=-1.0, request_id=b""),
    Served(target=b"/" + b"\\" * 5000, headers={b"user-agent": b"\xff" * 5000}),
    Served(b"::1", b"CN=%b", b"%d", b"/%s%%", outcome=b"", first_byte=0.125),
)


@pytest.mark.parametrize(
    "form", [*PRESETS, "json", "{process} {time}", "{line}|{path}", "{client}"]
)
def test_a_line_is_the_same_whatever_it_is_made_with(form: str) -> None:
    compiled = AccessFormat(form)
    unknown = re.compile(rb'\[.*?\]|"time":".*?"')
    alone = [unknown.sub(b"", line_of(form, served)) for served in ODD]
    for burst in (ODD, ODD[::-1], ODD[:1] * 3, ODD * 40):
        lines = compiled.lines([served.entry(compiled) for served in burst])
        found = [unknown.sub(b"", line) for line in lines]
        assert found == [alone[ODD.index(served)] for served in burst]
    assert compiled.lines([]) == []


def test_a_request_that_could_not_be_read_has_no_target() -> None:
    unread = Served(method=b"", target=b'\x16"', version=b"")
    assert line_of("{line} {method} {target} {path}", unread) == b"\\x16\\x22 - - -\n"


def test_cut_values_end_in_whole_escapes() -> None:
    line = line_of("{target}", Served(target=b"ab" + b"\xff" * 5000)).decode()
    assert re.fullmatch(r"ab(\\xff)+\.\.\.\n", line)


def test_ids_are_new_each_time() -> None:
    ids = request_ids()
    found = [next(ids) for _ in range(1000)]
    assert len(set(found)) == 1000
    assert all(re.fullmatch(rb"[0-9a-f]{32}", each) for each in found)


TRACE = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.mark.parametrize(
    ("x_request_id", "traceparent", "expected"),
    [
        (b"7b92-Ab.c:1", b"", b"7b92-Ab.c:1"),
        (b"", TRACE, TRACE[3:35]),
        (b"abc", TRACE, b"abc"),
        (b"a b", TRACE, TRACE[3:35]),
        (b"x" * 129, b"", b""),
        (b"", b"00-" + b"0" * 32 + TRACE[35:], b""),
        (b'a"\r', TRACE[:-1], b""),
    ],
)
def test_given_ids(x_request_id: bytes, traceparent: bytes, expected: bytes) -> None:
    assert given_id(x_request_id, traceparent) == expected

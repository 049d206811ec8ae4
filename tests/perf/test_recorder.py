"""Requests that are recorded over the debug socket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from ashd.perf import PerfObserver, recorder
from ashd.perf._recorder import MOST_BYTES, MOST_OF_BODY
from ashdtest.exchanges import WAYS, Server, served
from ashdtest.processes import wait_until

FORM = (b"Content-Type", b"application/x-www-form-urlencoded")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    if environ["PATH_INFO"] == "/fail":
        start_response("200 OK", [("X-Not", "sent")])
        raise RuntimeError("as asked")
    stream = environ["wsgi.input"]
    reads: dict[str, Callable[[], bytes]] = {"line": stream.readline, "no": bytes}
    start_response("200 OK", [("Set-Cookie", "session=abc"), ("X-Other", "x")])
    return [reads.get(environ["QUERY_STRING"], stream.read)()]


@pytest.fixture(params=WAYS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with served(application, request.param, observer=PerfObserver()) as server:
        yield server
    recorder.stop()


def kept(count: int) -> list[dict[str, Any]]:
    """Return the summaries of what is kept, as soon as there are so many."""

    def found() -> Any:
        requests = recorder.readattr()["requests"]
        return requests if len(requests) == count else None

    wait_until(lambda: count == 0 or found())
    return found() or []


def whole(ident: str) -> dict[str, Any]:
    found = recorder.get(ident)
    assert found is not None
    return found


def test_it_is_off_until_somebody_switches_it_on(server: Server) -> None:
    server.call(b"/before")
    assert recorder.readattr() == {"recording": 0, "requests": []}
    recorder.record(2)
    for url in (b"/1", b"/2", b"/3"):
        server.call(url)
    wait_until(lambda: kept(2)[-1]["url"] == b"/3")
    assert recorder.readattr()["recording"] == 2
    ident = kept(2)[0]["id"]
    assert recorder.get("another") is None
    recorder.stop()
    server.call(b"/after")
    assert recorder.readattr() == {"recording": 0, "requests": []}
    assert recorder.get(ident) is None


def test_it_keeps_heads_without_secrets(server: Server) -> None:
    recorder.record(5, mask=["x-own"])
    headers = [(b"Host", b"a"), (b"Cookie", b"secret"), (b"X-Own-Thing", b"secret"), FORM]
    body = b"name=x&password=secret"
    server.call(b"/mount/page?token=secret", rest=b"page", headers=headers, body=body)
    (summary,) = kept(1)
    request = whole(summary["id"])
    assert "secret" not in repr(request)
    assert request["headers"][:3] == [
        (b"Host", b"a"), (b"Cookie", b"REDACTED"), (b"X-Own-Thing", b"REDACTED")
    ]  # fmt: skip
    assert (request["method"], request["url"]) == (b"GET", b"/mount/page?token=REDACTED")
    assert (request["version"], request["rest"]) == (b"HTTP/1.1", b"page")
    assert (request["body"], request["received"], request["whole"]) == (None, len(body), False)
    assert request["status"] == b"200 OK"
    assert request["response"] == [(b"Set-Cookie", b"REDACTED"), (b"X-Other", b"x")]
    assert not request["aborted"]


def test_it_keeps_bodies_if_that_is_asked_for(server: Server) -> None:
    recorder.record(9, 20)
    form = b"a=1&password=secret"
    for url, body in ((b"/", form), (b"/?line", b"one\ntwo"), (b"/", b"." * 30), (b"/?no", b"x")):
        server.call(url, method=b"POST", headers=[FORM], body=body)
    server.call(b"/none")
    found = [whole(each["id"]) for each in kept(5)]
    assert [each["body"] for each in found] == [
        b"a=1&password=REDACTED", b"one\ntwo", b"." * 20, b"", b""
    ]  # fmt: skip
    assert [each["whole"] for each in found[:3]] == [True, True, False]
    assert [each["received"] for each in found[:3]] == [19, 7, 30]


def test_failures_are_kept_too(server: Server) -> None:
    recorder.record(9)
    server.call(b"/fail")
    server.call(b"/", headers=[(b"Content-Length", b"1"), (b"Content-Length", b"2")])
    failed, refused = (whole(each["id"]) for each in kept(2))
    assert (failed["status"], failed["response"]) == (b"500 Internal Server Error", [])
    assert (refused["status"], refused["seconds"]) == (b"400 Bad Request", 0)


def test_what_is_kept_is_bounded(server: Server) -> None:
    recorder.record(1000, MOST_OF_BODY)
    count = MOST_BYTES // MOST_OF_BODY + 2
    for number in range(count):
        server.call(b"/%d" % number, method=b"POST", headers=[FORM], body=b"." * MOST_OF_BODY)
    wait_until(lambda: recorder.readattr()["requests"][-1]["url"] == b"/%d" % (count - 1))
    assert len(recorder.readattr()["requests"]) == MOST_BYTES // MOST_OF_BODY - 1
    for wrong in ((0,), (1001,), (5, -1), (5, MOST_OF_BODY + 1)):
        with pytest.raises(ValueError, match="are kept"):
            recorder.record(*wrong)

"""The head of a response, and `start_response` called once more."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

import pytest

from ashd.wsgi import ResponseError
from ashdtest.answers import Headers, answering
from ashdtest.exchanges import Serve
from ashdtest.handlers import read_all


def test_the_head(serve: Serve) -> None:
    server = serve(answering([b"x"], "201 Made it", [("X-A", "1"), ("x-a", "\xe9")]))
    with server.open() as client:
        assert read_all(client) == (
            b"HTTP/1.1 201 Made it\r\nX-A: 1\r\nx-a: \xe9\r\nContent-Length: 1\r\n\r\nx"
        )


@pytest.mark.parametrize(
    ("status", "headers", "told"),
    [
        ("OK", [], "the status must be a str like '200 OK'"),
        (b"200 OK", [], "the status must be a str like '200 OK'"),
        ("200 OK", [("Connection", "close")], "the server's business"),
        ("200 OK", [("A", "x\r\nB: y")], "a header has a control character"),
        ("200 OK", [("A", b"1")], "name and value must be str"),
        ("200 OK", [("A", "x" * 300_000)], "status and headers have 300011 bytes"),
        ("200 OK", [(f"A{n}", "x" * 1000) for n in range(300)], "front ends take 261888 at most"),
        ("200 " + "x" * 300_000, [], "front ends take 261888 at most"),
    ],
)
def test_a_bad_head_is_a_500(
    serve: Serve, caplog: pytest.LogCaptureFixture, status: Any, headers: Any, told: str
) -> None:
    response = serve(answering([b"x"], status, headers)).call()
    assert response.status == 500
    assert told in caplog.text


def test_what_was_refused_can_be_said_better(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with pytest.raises(ResponseError):
            start_response("200 OK", [("Bad\n", "1")])
        with pytest.raises(ValueError, match="status"):
            start_response("nothing", [])
        start_response("200 OK", [("Good", "1")])
        return [b"x"]

    response = serve(application).call()
    assert (response.status, response.get(b"Good"), response.get(b"Bad")) == (200, b"1", None)


def test_a_large_head_that_front_ends_take(serve: Serve) -> None:
    response = serve(answering([b"x"], headers=[("A", "x" * 261_876)])).call()
    assert (response.status, len(response.get(b"A") or b"")) == (200, 261_876)


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
@pytest.mark.parametrize("headers", [[], [("Content-Length", "5")]])
@pytest.mark.parametrize("result", [[], [b"body!"], (b"body!",), [b"bo", b"dy!"], iter, b"body!"])
def test_statuses_without_a_body(
    serve: Serve, status: str, headers: Headers, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    if result is iter or isinstance(result, bytes):
        pieces = [result] if result is not iter else []
        result = lambda: (piece for piece in pieces)  # noqa: E731
    with serve(answering(result, status, headers)).open() as client:
        head = f"HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"
        assert read_all(client) == head.encode()
    assert not caplog.records


@pytest.mark.parametrize("result", [[b"hello"], [b"hel", b"lo"], lambda: iter([b"hello"])])
@pytest.mark.parametrize("headers", [[], [("Content-Length", "5")]])
def test_head_requests_get_no_body(
    serve: Serve, result: Any, headers: Headers, caplog: pytest.LogCaptureFixture
) -> None:
    response = serve(answering(result, headers=headers)).call(method=b"HEAD")
    assert response.status == 200
    assert response.body == b""
    assert response.get(b"Content-Length") == (None if callable(result) and not headers else b"5")
    assert not caplog.records


def test_an_empty_answer_to_head_claims_no_length(serve: Serve) -> None:
    """Applications may leave the body away; that of GET may have another length."""
    assert serve(answering([])).call(method=b"HEAD").get(b"Content-Length") is None


def test_a_second_call_without_exc_info(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        start_response("201 Other", [])
        return [b"x"]

    assert serve(application).call().status == 500
    assert "a second time, and without exc_info" in caplog.text


def test_exc_info_replaces_the_head_before_it_was_sent(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("A", "1"), ("Content-Length", "100")])
        try:
            raise RuntimeError("as planned")
        except RuntimeError:
            start_response("503 Sorry", [("B", "2")], exc_info=sys.exc_info())
        return [b"sorry"]

    response = serve(application).call()
    assert (response.status, response.body) == (503, b"sorry")
    assert response.headers == [(b"B", b"2"), (b"Content-Length", b"5")]


def test_exc_info_alone_is_as_good_as_a_first_call(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            raise RuntimeError("as planned")
        except RuntimeError:
            start_response("503 Sorry", [], sys.exc_info())
        return [b"sorry"]

    assert serve(application).call().status == 503


def test_exc_info_after_the_head_was_sent_raises_it(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begun"
        try:
            raise RuntimeError("as planned")
        except RuntimeError:
            start_response("503 Sorry", [], sys.exc_info())
        yield b"never"

    response = serve(application).call()
    assert (response.status, response.body) == (200, b"begun")
    assert "RuntimeError: as planned" in caplog.text

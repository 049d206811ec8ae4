"""`close()` of what applications return, and clients that go away."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from ashdtest.answers import LARGE, Closing, Headers, answering, each_error, raising
from ashdtest.exchanges import Serve, served


@pytest.mark.parametrize(
    ("pieces", "method", "status", "headers"),
    [
        ([], b"GET", "200 OK", []),
        ([b"x"], b"GET", "200 OK", []),
        ([b"x", b"y"], b"HEAD", "200 OK", []),
        ([b"x"], b"GET", "304 Not Modified", []),
        ([b"12345", b"6"], b"GET", "200 OK", [("Content-Length", "3")]),
        (["text"], b"GET", "200 OK", []),
        ([b"x", 5], b"GET", "200 OK", []),
        (lambda: raising(RuntimeError()), b"GET", "200 OK", []),
        (lambda: raising(RuntimeError(), b"x"), b"GET", "200 OK", []),
        (lambda: raising(SystemExit(), b"x"), b"GET", "200 OK", []),
        (None, b"GET", "200 OK", []),
        ([bytes(LARGE)], b"GET", "200 OK", []),
    ],
)
def test_close_is_called_exactly_once(
    way: str, pieces: Any, method: bytes, status: str, headers: Headers
) -> None:
    results: list[Closing] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, headers)
        results.append(Closing(pieces() if callable(pieces) else pieces))
        return results[0]

    with served(application, way) as server:
        server.call(method=method)
    assert results[0].closed == 1


def test_close_is_called_when_start_response_was_not(way: str) -> None:
    result = Closing([b"x"])
    with served(lambda environ, start_response: result, way) as server:
        assert server.call().status == 500
    assert result.closed == 1


def test_close_is_called_on_lists_that_have_it(way: str) -> None:
    class ClosingList(list[bytes]):
        closed = 0

        def close(self) -> None:
            self.closed += 1

    result = ClosingList([b"x"])
    with served(answering(result), way) as server:
        assert server.call().body == b"x"
    assert result.closed == 1


def test_generators_are_closed(way: str) -> None:
    ended: list[str] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"12345"
            yield b"more"
        finally:
            ended.append("yes")

    with served(answering(pieces, headers=[("Content-Length", "3")]), way) as server:
        assert server.call().body == b"123"
    assert ended == ["yes"]


@pytest.mark.parametrize("pieces", [[bytes(LARGE)] * 3, [b"x"] * 100_000])
def test_close_is_called_when_the_client_goes_away(
    way: str, pieces: list[bytes], caplog: pytest.LogCaptureFixture
) -> None:
    results: list[Closing] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        results.append(Closing(pieces))
        return results[-1]

    with served(application, way) as server:
        server.open().close()
        with server.open() as client:
            client.recv(1)
    assert [result.closed for result in results] == [1, 1]
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]


@each_error
@pytest.mark.parametrize("kind", [list, iter])
def test_close_may_raise(
    way: str,
    error: type[BaseException],
    kind: Callable[[list[bytes]], Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    results: list[Closing] = []

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])
        results.append(Closing(kind([b"x", b"y"]), error("in close")))
        return results[-1]

    with served(application, way) as server:
        for _ in range(2):
            assert server.call(b"/where").body == b"xy"
    assert [result.closed for result in results] == [1, 1]
    assert "GET /where: close() of the response's iterable failed" in caplog.text
    assert f"{error.__name__}: in close" in caplog.text


def test_close_comes_after_the_last_piece_was_asked_for(way: str) -> None:
    events: list[str] = []

    class Result:
        def __iter__(self) -> Iterator[bytes]:
            events.append("iter")
            yield b"x"
            events.append("end")

        def close(self) -> None:
            events.append("close")

    with served(answering(Result()), way) as server:
        server.call()
    assert events == ["iter", "end", "close"]


@pytest.mark.parametrize(
    "result", [[b"x"], [bytes(LARGE)], lambda: iter([b"x"] * 1000), lambda: iter([bytes(LARGE)])]
)
def test_a_client_that_goes_away_is_no_error(
    way: str, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    with served(answering(result), way) as server:
        for _ in range(5):
            server.open().close()
        with server.open() as client:
            client.recv(1)
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]


def test_a_client_that_goes_away_before_an_error_page(
    way: str, caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise RuntimeError("as planned")

    with served(application, way) as server:
        server.open().close()
    assert [each.levelname for each in caplog.records if each.levelname != "DEBUG"] == ["ERROR"]


@pytest.mark.parametrize(
    "result",
    [
        [bytes(LARGE)],
        [b"x" * 100] * (LARGE // 100),
        lambda: (b"x" * 100 for _ in range(LARGE // 100)),
        lambda: iter([bytes(LARGE)]),
    ],
)
def test_a_slow_client_gets_everything(serve: Serve, result: Any) -> None:
    with serve(answering(result)).open() as client:
        received = 0
        while piece := client.recv(50_000):
            received += len(piece)
    assert received > LARGE

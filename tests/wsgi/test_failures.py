"""Exceptions of applications, before and after the head was sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ashd.wsgi._access import AccessLog
from ashd.wsgi._observers import together
from ashdtest.answers import answering, each_error, raising
from ashdtest.exchanges import Serve, served
from ashdtest.processes import DEADLINE


@each_error
def test_an_exception_in_the_call(
    serve: Serve, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise error("secret")

    server = serve(application)
    for _ in range(2):  # and the second request is served as well
        response = server.call(b"/where?what")
        assert response.status == 500
        assert b"secret" not in response.body
        assert response.get(b"Content-Length") == b"%d" % len(response.body)
    assert "GET /where?what: the application failed" in caplog.text
    assert f"{error.__name__}: secret" in caplog.text
    assert "in application" in caplog.text  # the traceback


@each_error
@pytest.mark.parametrize("pieces", [(), (b"",)])
def test_an_exception_before_the_head(
    serve: Serve,
    error: type[BaseException],
    pieces: tuple[bytes, ...],
    caplog: pytest.LogCaptureFixture,
) -> None:
    server = serve(answering(lambda: raising(error("secret"), *pieces)))
    for _ in range(2):
        assert server.call().status == 500
    assert f"{error.__name__}: secret" in caplog.text


@each_error
def test_an_exception_after_the_head_cuts_the_response(
    serve: Serve, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(
        answering(lambda: raising(error("secret"), b"begun"), headers=[("Content-Length", "100")])
    )
    for _ in range(2):
        response = server.call()
        assert (response.status, response.body) == (200, b"begun")
    assert f"{error.__name__}: secret" in caplog.text
    assert "shorter" not in caplog.text


def test_a_cut_of_a_request_with_an_unread_body_is_visible(serve: Serve) -> None:
    """The front end sees a reset, and doesn't end the response as if it were whole."""
    sent = threading.Event()

    def pieces() -> Iterator[bytes]:
        assert sent.wait(DEADLINE)
        yield b"begun"
        raise RuntimeError("as planned")

    headers = [(b"Content-Type", b"text/plain"), (b"Content-Length", b"5")]
    with serve(answering(pieces)).open(method=b"POST", headers=headers) as client:
        client.sendall(b"five!")
        sent.set()
        with pytest.raises(ConnectionResetError):
            list(iter(lambda: client.recv(1000), b""))


def test_iter_may_raise(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    class Bad:
        def __iter__(self) -> Iterator[bytes]:
            raise TypeError("as planned")

    assert serve(answering(Bad())).call().status == 500
    assert "as planned" in caplog.text


class Watching:
    """An observer that calls `tell` with what it hears at the end of each request."""

    def __init__(self, tell: Callable[[str], object]) -> None:
        self._tell = tell

    def for_thread(self) -> Watching:
        return self

    def started(self, *_: object) -> None: ...

    def failed(self, *_: object) -> None:
        self._tell("failed")

    def finished(self, *_: object) -> None:
        self._tell("finished")


def broken(error: type[BaseException]) -> Watching:
    """Return an observer that raises at the end of each request, but not before."""

    def tell(what: str) -> None:
        raise error(what)

    return Watching(tell)


@each_error
def test_an_observer_that_raises_keeps_nobody_waiting(
    way: str, error: type[BaseException], caplog: pytest.LogCaptureFixture
) -> None:
    app, told = answering(lambda: raising(ValueError("its own"))), list[str]()
    observer = together(broken(error), Watching(told.append))
    with served(app, way, observer=observer) as server:
        for _ in range(2):
            assert server.call(b"/where").status == 500
    assert told == ["failed", "finished"] * 2  # the other observer heard of all
    for name in ("failed", "finished"):
        assert f"{error.__name__}: {name}" in caplog.text
    assert "GET /where: an observer failed" in caplog.text
    assert "ValueError: its own" in caplog.text


def test_an_observer_that_raises_costs_no_line_of_the_access_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    log = AccessLog(str(tmp_path / "log"), "combined")
    observer = log.observer(broken(ValueError))
    with served(answering(lambda: [b"fine"]), observer=observer) as server:
        assert server.call(b"/where").status == 200
    log.close()
    assert '"GET /where ' in (tmp_path / "log").read_text()
    assert "an observer failed" in caplog.text

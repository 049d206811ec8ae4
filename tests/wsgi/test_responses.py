"""How responses go out: heads, lengths, failures, and the end of what applications return."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from ashd.wsgi import ClientGoneError, ResponseError, WriteUnsupportedError
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all
from ashdtest.processes import DEADLINE

Headers = list[tuple[str, str]]
LARGE = 4_000_000  # bytes: more than the sockets take at a time


def answering(result: Any, status: str = "200 OK", headers: Headers | None = None) -> Any:
    """Return an application that gives `result`, or what it returns if it is a function."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, headers or [])
        return result() if callable(result) else result

    return application


class Sized:
    """An iterable that is no list and knows its length."""

    def __init__(self, *pieces: bytes) -> None:
        self.pieces = pieces

    def __len__(self) -> int:
        return len(self.pieces)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.pieces)


class Closing:
    """An iterable that counts how often it was closed."""

    def __init__(self, pieces: Iterable[Any], error: BaseException | None = None) -> None:
        self.pieces = pieces
        self.error = error
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1
        if self.error is not None:
            raise self.error


def raising(error: BaseException, *pieces: bytes) -> Iterator[bytes]:
    yield from pieces
    raise error


# Heads


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
        ("200 OK", [("A", 1)], "name and value must be str"),
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


# Lengths


@pytest.mark.parametrize(
    ("result", "length", "body"),
    [
        ([], b"0", b""),
        ((), b"0", b""),
        ([b""], b"0", b""),
        ([b"one"], b"3", b"one"),
        ((b"one",), b"3", b"one"),
        ([b"one", b"", b"two"], b"6", b"onetwo"),
        (Sized(b"one"), b"3", b"one"),
        (Sized(), b"0", b""),
        (lambda: iter([]), b"0", b""),
        (lambda: iter([b"", b""]), b"0", b""),
        ([bytes(LARGE)], b"%d" % LARGE, bytes(LARGE)),
        ([bytes(LARGE // 4)] * 4, b"%d" % LARGE, bytes(LARGE)),
        (Sized(bytes(LARGE)), b"%d" % LARGE, bytes(LARGE)),
        (Sized(b"one", b"two"), None, b"onetwo"),
        (lambda: iter([b"one"]), None, b"one"),
        (lambda: iter([b"", b"one", b"", b"two", b""]), None, b"onetwo"),
        (lambda: iter([bytes(LARGE), b"end"]), None, bytes(LARGE) + b"end"),
        (lambda: (bytes([i % 256]) * 1000 for i in range(2000)), None, None),
    ],
)
def test_a_body_of_known_size_gets_its_length(
    serve: Serve, result: Any, length: bytes | None, body: bytes | None
) -> None:
    response = serve(answering(result)).call()
    if body is None:
        body = b"".join(result())
    assert response.get(b"Content-Length") == length
    assert response.body == body


@pytest.mark.parametrize("result", [[b"12345"], [b"12", b"345"], lambda: iter([b"12345"])])
def test_the_applications_own_length_counts(
    serve: Serve, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    response = serve(answering(result, headers=[("content-length", "5")])).call()
    assert [value for name, value in response.headers if name.lower() == b"content-length"] == [
        b"5"
    ]
    assert response.body == b"12345"
    assert not caplog.records


@pytest.mark.parametrize(
    "result",
    [[b"12345"], [b"123", b"45"], [b"12", b"3", b"45"], lambda: iter([b"1", b"23", b"45", b"6"])],
)
def test_a_longer_body_is_cut_and_logged(
    serve: Serve, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    response = serve(answering(result, headers=[("Content-Length", "3")])).call(b"/a?b")
    assert response.body == b"123"
    (record,) = caplog.records
    assert record.getMessage().startswith("GET /a?b: the body is longer than its Content-Length")
    assert record.levelname == "WARNING"


@pytest.mark.parametrize("result", [[b"12345"], [b"123", b"45"], lambda: iter([b"12", b"345"])])
def test_a_shorter_body_is_logged(
    serve: Serve, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    response = serve(answering(result, headers=[("Content-Length", "7")])).call(b"/a?b")
    assert response.body == b"12345"
    (record,) = caplog.records
    assert record.getMessage() == (
        "GET /a?b: the body is 2 bytes shorter than its Content-Length of 7"
    )


def test_an_infinite_body_ends_with_its_length(serve: Serve) -> None:
    def forever() -> Iterator[bytes]:
        while True:
            yield b"12345"

    response = serve(answering(forever, headers=[("Content-Length", "23")])).call()
    assert response.body == b"12345123451234512345123"


def test_a_length_that_is_not_true_is_not_believed(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    class Liar(Sized):
        def __len__(self) -> int:
            return 1

    response = serve(answering(Liar(b"one", b"two"))).call()
    assert response.get(b"Content-Length") == b"3"
    assert response.body == b"one"
    assert "longer than its Content-Length of 3" in caplog.text


# What an application may return


def test_the_iterator_may_call_start_response(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("202 Late", [("A", "1")])
        yield b"body"

    response = serve(application).call()
    assert (response.status, response.get(b"A"), response.body) == (202, b"1", b"body")


def test_the_iterator_may_call_start_response_after_empty_pieces(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        yield b""
        start_response("202 Late", [])
        yield b""

    assert serve(application).call().status == 202


@pytest.mark.parametrize("result", [[], [b"x"], lambda: iter([b"x"]), lambda: iter([])])
def test_without_start_response_it_is_a_500(
    serve: Serve, result: Any, caplog: pytest.LogCaptureFixture
) -> None:
    server = serve(lambda environ, start_response: result() if callable(result) else result)
    assert server.call().status == 500
    assert "did not call start_response" in caplog.text


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (["text"], "pieces of bytes, not str"),
        ([b"x", "text"], "pieces of bytes, not str"),
        ([bytearray(b"x")], "pieces of bytes, not bytearray"),
        ([memoryview(b"x")], "pieces of bytes, not memoryview"),
        ([None], "pieces of bytes, not NoneType"),
        ("text", "pieces of bytes, not str"),
        (b"bytes", "pieces of bytes, not int"),
        (lambda: iter(["text"]), "pieces of bytes, not str"),
        (lambda: iter([bytearray(b"x")]), "pieces of bytes, not bytearray"),
        (lambda: iter([""]), "pieces of bytes, not str"),
        (None, "must return an iterable of bytes, not NoneType"),
        (5, "must return an iterable of bytes, not int"),
    ],
)
def test_what_is_no_iterable_of_bytes_is_a_500(
    serve: Serve, result: Any, told: str, caplog: pytest.LogCaptureFixture
) -> None:
    assert serve(answering(result)).call().status == 500
    assert told in caplog.text


def test_pieces_may_be_of_a_subclass_of_bytes(serve: Serve) -> None:
    class Bytes(bytes):
        __slots__ = ()

    assert serve(answering([Bytes(b"x"), Bytes(b"y")])).call().body == b"xy"
    assert serve(answering(lambda: iter([Bytes(b"x")]))).call().body == b"x"


# write()


def test_write(serve: Serve, way: str, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("A", "1")])
        write(b"")
        write(b"one ")
        write(b"two ")
        return [b"three"]

    response = serve(application).call()
    if way == "driven":
        assert response.status == 500
        assert WriteUnsupportedError.__name__ in caplog.text
        assert "write() is not supported by this handler model" in caplog.text
    else:
        assert (response.status, response.get(b"A")) == (200, b"1")
        assert response.get(b"Content-Length") is None
        assert response.body == b"one two three"


def patient(application: Any, url: bytes = b"/") -> Any:
    with served(application, "patient") as server:
        return server.call(url)


def test_write_sends_at_once() -> None:
    received = threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"first")
        assert received.wait(DEADLINE)
        return [b"second"]

    with served(application, "patient") as server, server.open() as client:
        assert client.recv(1000).endswith(b"\r\n\r\nfirst")
        received.set()
        assert read_all(client) == b"second"


def test_write_of_much() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Length", str(LARGE + 3))])
        write(bytes(LARGE))
        return [b"end"]

    assert patient(application).body == bytes(LARGE) + b"end"


def test_write_alone() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"all")
        return []

    assert patient(application).body == b"all"


@pytest.mark.parametrize("data", ["text", bytearray(b"x"), None])
def test_write_of_other_things(data: Any, caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(data)
        return []

    assert patient(application).status == 500
    assert "pieces of bytes" in caplog.text


def test_write_beyond_the_length(caplog: pytest.LogCaptureFixture) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [("Content-Length", "3")])
        write(b"12")
        write(b"34")
        write(b"56")
        return [b"78"]

    assert patient(application).body == b"123"
    assert len(caplog.records) == 1


def test_a_client_that_goes_away_raises_in_write(caplog: pytest.LogCaptureFixture) -> None:
    raised: list[BaseException] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        try:
            for _ in range(1000):
                write(bytes(LARGE))
        except OSError as error:
            raised.append(error)
            raise
        return []

    with served(application, "patient") as server, server.open() as client:
        client.recv(1)
    assert [type(error) for error in raised] == [ClientGoneError]
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]


# start_response once more


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
            start_response("503 Sorry", [("B", "2")], sys.exc_info())
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


# Exceptions

ERRORS = [RuntimeError, SystemExit, KeyboardInterrupt, GeneratorExit, BaseException, MemoryError]
each_error = pytest.mark.parametrize("error", ERRORS)


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


# close()


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


# Clients that go away, or take their time


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

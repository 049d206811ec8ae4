"""What applications may return, and the length that goes with it."""

from __future__ import annotations

import array
from collections.abc import Iterator
from typing import Any

import pytest

from ashdtest.answers import LARGE, Sized, answering
from ashdtest.exchanges import Serve


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
        ([None], "pieces of bytes, not NoneType"),
        ("text", "pieces of bytes, not str"),
        (b"bytes", "pieces of bytes, not int"),
        (lambda: iter(["text"]), "pieces of bytes, not str"),
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


@pytest.mark.parametrize(
    "piece",
    [
        bytearray(b"abcd"),
        memoryview(b"abcd"),
        memoryview(b"a_b_c_d_")[::2],
        array.array("H", b"abcd"),
    ],
)
def test_pieces_may_be_any_bytes_like_object(serve: Serve, piece: Any) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response("200 OK", [])(piece)
        return [piece, b"!"]

    for result in ([piece], [piece, b"", piece], Sized(piece), lambda: iter([piece])):
        response = serve(answering(result)).call()
        assert response.body == b"abcd" * (2 if type(result) is list and result[1:] else 1)
        assert response.get(b"Content-Length") in (b"%d" % len(response.body), None)
    assert serve(application).call().body == b"abcdabcd!"


def test_pieces_may_be_of_a_subclass_of_bytes(serve: Serve) -> None:
    class Bytes(bytes):
        __slots__ = ()

    assert serve(answering([Bytes(b"x"), Bytes(b"y")])).call().body == b"xy"
    assert serve(answering(lambda: iter([Bytes(b"x")]))).call().body == b"x"


class Proxy:
    """Stands for another object, as far as its attributes go."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pieces, name)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)


def test_an_iterable_that_only_seems_to_have_a_length(serve: Serve) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Proxy:
        start_response("200 OK", [])
        return Proxy([b"who", b"le"])

    assert serve(application).call().body == b"whole"

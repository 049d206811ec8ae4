"""Rules of PEP 3333 that no other test here is about; docs/reference/pep3333.md has them all."""

from __future__ import annotations

import gc
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from wsgiref.util import request_uri

import pytest

from ashdtest.answers import answering
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all
from ashdtest.processes import DEADLINE

BINARY = b"\n\r\n\r\0\xff\x80"


class PlannedError(Exception):
    """What an application raises and catches."""


@pytest.fixture
def without_collector() -> Iterator[None]:
    """What is in a cycle of references stays."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("without_collector")
@pytest.mark.parametrize("sent", [False, True])
def test_no_reference_to_exc_info_is_kept(serve: Serve, sent: bool) -> None:
    """Section "The start_response() Callable"."""
    references: list[weakref.ref[BaseException]] = []

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 OK", [])
        if sent:
            write(b"begun ")
        try:
            try:
                raise PlannedError
            except PlannedError as error:
                references.append(weakref.ref(error))
                start_response("503 Sorry", [], sys.exc_info())
        except PlannedError:
            pass
        return [b"gone" if references[0]() is None else b"kept"]

    assert serve(application).call().body.endswith(b"gone")


class Bare:
    """An iterable as PEP 342 and older have it; notes what is asked of it."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getattribute__(self, name: str) -> Any:
        asked: set[str] = object.__getattribute__(self, "asked") if name != "asked" else set()
        asked.add(name)
        return object.__getattribute__(self, name)

    def __getitem__(self, index: int) -> bytes:
        return [b"one ", BINARY][index]


def test_of_an_iterable_only_what_the_standard_names_is_used(serve: Serve) -> None:
    """Section "Specification Details"; and nothing changes the bytes."""
    result = Bare()
    assert serve(answering(lambda: result)).call().body == b"one " + BINARY
    assert object.__getattribute__(result, "asked") <= {"__class__", "__len__", "close"}


class Page:
    """An application that is a class, whose instances are iterable."""

    def __init__(self, environ: dict[str, Any], start_response: Any) -> None:
        self._method, self._start = environ["REQUEST_METHOD"], start_response

    def __iter__(self) -> Iterator[bytes]:
        self._start("200 OK", [])
        yield f"a page for {self._method}".encode()


def test_an_application_may_be_a_class(serve: Serve) -> None:
    assert serve(Page).call().body == b"a page for GET"


def test_nothing_is_sent_before_there_is_a_body(way: str) -> None:
    """Section "The start_response() Callable"."""
    asked, go_on = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b""
        asked.set()
        assert go_on.wait(DEADLINE)
        yield b"body"

    with served(application, way) as server, server.open() as client:
        assert asked.wait(DEADLINE)
        client.setblocking(False)
        with pytest.raises(BlockingIOError):
            client.recv(1)
        client.settimeout(DEADLINE)
        go_on.set()
        assert read_all(client).endswith(b"\r\n\r\nbody")


def test_a_piece_is_sent_before_the_next_one_is_asked_for(way: str) -> None:
    """Section "Buffering and Streaming"."""
    asked, received = threading.Event(), threading.Event()

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"first"
        asked.set()
        assert received.wait(DEADLINE)
        yield b"second"

    with served(application, way) as server, server.open() as client:
        assert asked.wait(DEADLINE)
        client.setblocking(False)
        assert client.recv(1000).endswith(b"\r\n\r\nfirst")
        client.settimeout(DEADLINE)
        received.set()
        assert read_all(client) == b"second"


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ([(b"Host", b"example.org:8080")], "http://example.org:8080/app/a%20b?c=%20d"),
        (
            [(b"X-Ash-Server-Address", b"192.0.2.1"), (b"X-Ash-Server-Port", b"8080")],
            "http://192.0.2.1:8080/app/a%20b?c=%20d",
        ),
        (
            [(b"Host", b"example.org"), (b"X-Ash-Protocol", b"https")],
            "https://example.org/app/a%20b?c=%20d",
        ),
        ([(b"X-Ash-Protocol", b"https")], "https://localhost/app/a%20b?c=%20d"),
        ([], "http://localhost/app/a%20b?c=%20d"),
    ],
)
def test_the_url_can_be_put_together_again(
    serve: Serve, headers: list[tuple[bytes, bytes]], expected: str
) -> None:
    """Section "URL Reconstruction", whose way `wsgiref.util` goes."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [request_uri(environ).encode()]

    server = serve(application)
    assert server.call(b"/app/a%20b?c=%20d", rest=b"a%20b", headers=headers).body == (
        expected.encode()
    )


def test_a_file_wrapper_that_is_not_returned_sends_nothing(serve: Serve, tmp_path: Path) -> None:
    """Section "Optional Platform-Specific File Handling"."""
    (tmp_path / "secret").write_bytes(b"secret")

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        wrapped = environ["wsgi.file_wrapper"]((tmp_path / "secret").open("rb"), 4096)
        start_response("200 OK", [])
        assert b"".join(wrapped) == b"secret"
        wrapped.close()
        return [b"something else"]

    assert serve(application).call().body == b"something else"


def _claims_environ(environ: dict[str, Any]) -> None:
    environ.clear()


def _uses_the_arguments_up(environ: dict[str, Any]) -> None:
    environ["wsgi.input"] = environ["wsgi.errors"] = None


@pytest.mark.parametrize("change", [_claims_environ, _uses_the_arguments_up])
def test_an_application_may_do_with_its_environ_what_it_likes(
    serve: Serve, change: Callable[[dict[str, Any]], None]
) -> None:
    """Section "Specification Details"."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        method = environ["REQUEST_METHOD"].encode()
        change(environ)
        return [method]

    server = serve(application)
    body = {"headers": [(b"Content-Type", b"a/b")], "body": b"unread"}
    assert [server.call(method=b"POST", **body).body for _ in range(2)] == [b"POST"] * 2  # type: ignore[arg-type]


def test_headers_may_be_looked_up_without_regard_to_case(serve: Serve) -> None:
    """Section "The start_response() Callable": names are compared so by us, too."""
    response = serve(answering([b"12345"], headers=[("cONTENT-lENGTH", "5")])).call()
    assert [value for name, value in response.headers if name.lower() == b"content-length"] == [
        b"5"
    ]


def test_any_field_name_of_http_is_taken(serve: Serve) -> None:
    """The validator of the standard library takes fewer."""
    names = ["x_", "-", "_a-b", "1!#$%&'*+.^`|~"]
    response = serve(answering([b"x"], headers=[(name, "1") for name in names])).call()
    assert [response.get(name.encode()) for name in names] == [b"1"] * len(names)


def test_no_variables_of_the_operating_system(
    serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Section "environ Variables" allows them."""
    monkeypatch.setenv("SOME_VARIABLE", "set")

    def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return [environ.get("SOME_VARIABLE", "not there").encode()]

    assert serve(application).call().body == b"not there"


def test_the_application_may_catch_what_it_should_not(serve: Serve) -> None:
    """Section "Error Handling": once the head is out, the response stays what it is."""

    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"begun"
        try:
            raise PlannedError
        except PlannedError:
            with suppress(PlannedError):
                start_response("503 Sorry", [], sys.exc_info())
        yield b", and gone on"

    response = serve(application).call()
    assert (response.status, response.body) == (200, b"begun, and gone on")

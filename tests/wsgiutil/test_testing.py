from __future__ import annotations

import io
import sys
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.validate import validator

import pytest

from ashd import wsgiutil
from ashd.wsgiutil import ResponseRecorder, make_environ


def hello(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH", "0")))
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["PATH_INFO"].encode("latin-1"), b" ", body]


@pytest.mark.parametrize(
    ("uri", "query", "script", "expected"),
    [
        ("/", "", None, ("/", "", "/", "")),
        ("/a%20b", "", None, ("/a%20b", "", "/a b", "")),
        ("/\u20ac", "", None, ("/\u20ac", "", "/\xe2\x82\xac", "")),
        ("/app/x?y=z", "", "/app", ("/app/x?y=z", "/app", "/x", "y=z")),
        ("/x", "y=z", "", ("/x?y=z", "", "/x", "y=z")),
        ("/app", "", "/app", ("/app", "/app", "", "")),
    ],
)
def test_environ(
    uri: str, query: str, script: str | None, expected: tuple[str, str, str, str]
) -> None:
    environ = make_environ(uri, query, script)
    names = ("REQUEST_URI", "SCRIPT_NAME", "PATH_INFO", "QUERY_STRING")
    assert tuple(environ[name] for name in names) == expected
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["wsgi.errors"] is sys.stderr
    assert environ["wsgi.input"].read() == b""


def test_environ_of_a_post() -> None:
    environ = make_environ("/", data=b"a=b")
    assert environ["REQUEST_METHOD"] == "POST"
    assert environ["CONTENT_LENGTH"] == "3"
    assert environ["wsgi.input"].read() == b"a=b"


def test_further_variables() -> None:
    environ = make_environ("/", HTTP_HOST="example.org", REQUEST_METHOD="HEAD")
    assert environ["HTTP_HOST"] == "example.org"
    assert environ["REQUEST_METHOD"] == "HEAD"


@pytest.mark.parametrize("data", [None, b"body"])
def test_environ_and_recorder_satisfy_the_validator(data: bytes | None) -> None:
    recorder = ResponseRecorder()
    application = validator(hello)
    assert recorder.run(application, make_environ("/x", data=data)) == b"/x " + (data or b"")
    assert recorder.status == "200 OK"
    assert recorder.headers == [("Content-Type", "text/plain")]
    assert recorder.body == b"/x " + (data or b"")


def test_recorder_takes_what_is_written() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])(b"one ")
        yield b"two"

    assert ResponseRecorder().run(application, make_environ("/")) == b"one two"


def test_recorder_closes_the_result() -> None:
    closed: list[bool] = []

    class Result:
        def __iter__(self) -> Iterator[bytes]:
            raise RuntimeError("as planned")

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(RuntimeError, match="as planned"):
        ResponseRecorder().run(lambda environ, start_response: Result(), make_environ("/"))
    assert closed == [True]


def test_recorder_wants_exc_info_with_a_second_call() -> None:
    recorder = ResponseRecorder()
    recorder("200 OK", [])
    with pytest.raises(AssertionError, match="twice"):
        recorder("200 OK", [])
    try:
        raise RuntimeError
    except RuntimeError:
        recorder("500 Oops", [("A", "1")], sys.exc_info())
    assert (recorder.status, recorder.headers) == ("500 Oops", [("A", "1")])


def test_recorder_writes_to_a_buffer_of_the_callers() -> None:
    buffer = io.BytesIO()
    recorder = wsgiutil.testrequest(buffer)
    assert recorder.run(hello, make_environ("/x")) == buffer.getvalue() == b"/x "
    assert wsgiutil.testrequest().wbuf is not buffer


def test_environ_with_the_originals_arguments() -> None:
    environ = wsgiutil.testenviron("/app", "a=b", "/x y", host="example.org", head={"X-Own": "1"})
    expected = {
        "REQUEST_METHOD": "GET",
        "REQUEST_URI": "/app/x%20y?a=b",
        "SCRIPT_NAME": "/app",
        "PATH_INFO": "/x y",
        "QUERY_STRING": "a=b",
        "HTTP_HOST": "example.org",
        "HTTP_X_OWN": "1",
    }
    assert environ.items() >= expected.items()
    assert "SCRIPT_FILENAME" not in environ


@pytest.mark.parametrize(("method", "ctype"), [(None, None), ("PUT", "text/plain")])
def test_environ_with_the_originals_arguments_and_a_body(
    method: str | None, ctype: str | None
) -> None:
    environ = wsgiutil.testenviron("/", "", "", method, "/srv/x", "h", b"body", ctype)
    assert environ["REQUEST_METHOD"] == (method or "POST")
    assert environ["CONTENT_TYPE"] == (ctype or "application/x-www-form-urlencoded")
    assert environ["CONTENT_LENGTH"] == "4"
    assert environ["SCRIPT_FILENAME"] == "/srv/x"
    assert environ["wsgi.input"].read() == b"body"

"""`static`: files as they are."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from ashd.wsgidir import static
from ashd.wsgiutil import http_date
from ashdtest.processes import descriptor_count
from ashdtest.wsgifiles import OLD, call, put, save


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return save(tmp_path / "a.txt", "text", OLD)


def test_a_file(path: Path) -> None:
    answer = call(static, path)
    assert (answer.status, answer.body) == (200, b"text")
    assert answer.headers == {
        "Content-Type": "text/plain; charset=utf-8",
        "Content-Length": "4",
        "Last-Modified": http_date(OLD),
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.html", "text/html; charset=utf-8"),
        ("a.css", "text/css; charset=utf-8"),
        ("a.json", "application/json; charset=utf-8"),
        ("a.png", "image/png"),
        ("a.tar.gz", "application/gzip"),
        ("a.unheard-of", "application/octet-stream"),
        ("a", "application/octet-stream"),
        ("a:b.png", "image/png"),
    ],
)
def test_types(tmp_path: Path, name: str, kind: str) -> None:
    assert call(static, save(tmp_path / name, "")).headers["Content-Type"] == kind


def test_a_large_file(tmp_path: Path) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(os.urandom(1 << 20))
    assert call(static, path).body == path.read_bytes()


def test_the_servers_file_wrapper_is_used(path: Path) -> None:
    used = []

    class Wrapper(FileWrapper):
        def __init__(self, file: object, size: int = 0) -> None:
            used.append(file)
            super().__init__(file, size)  # type: ignore[arg-type]

    environ = {"wsgi.file_wrapper": Wrapper}
    assert call(static, path, **environ).body == b"text"
    assert len(used) == 1


def test_head(path: Path) -> None:
    answer = call(static, path, REQUEST_METHOD="HEAD")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["Content-Length"] == "4"


@pytest.mark.parametrize(
    ("since", "status"),
    [
        (http_date(OLD), 304),
        (http_date(OLD + 1), 304),
        (http_date(OLD - 1), 200),
        ("Friday, 14-Jul-17 02:40:00 GMT", 304),
        ("yesterday", 200),
        ("", 200),
        ("Fri, 99 Jul 99999999999 99:99:99 GMT", 200),
    ],
)
def test_if_modified_since(path: Path, since: str, status: int) -> None:
    answer = call(static, path, HTTP_IF_MODIFIED_SINCE=since)
    assert answer.status == status
    assert answer.body == (b"text" if status == 200 else b"")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods(path: Path, method: str) -> None:
    answer = call(static, path, REQUEST_METHOD=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


def test_there_is_nothing_below_a_file(path: Path) -> None:
    assert call(static, path, PATH_INFO="/more").status == 404


def test_what_is_no_readable_file(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "fifo")
    before = descriptor_count()
    for name in ("missing", "fifo", ".", "nul\0"):
        assert call(static, f"{tmp_path}/{name}").status == 500
    assert descriptor_count() == before
    assert len(caplog.records) == 4


def test_an_index_file(path: Path) -> None:
    assert call(static, path, SCRIPT_NAME="", PATH_INFO="/").body == b"text"


def test_a_replaced_file_is_sent_anew(path: Path) -> None:
    assert call(static, path).body == b"text"
    assert call(static, put(path, "newer", OLD)).body == b"newer"


def test_no_descriptor_is_left(path: Path) -> None:
    before = descriptor_count()
    for method in ("GET", "HEAD", "POST"):
        for since in ("", http_date(OLD)):
            call(static, path, REQUEST_METHOD=method, HTTP_IF_MODIFIED_SINCE=since)
    assert descriptor_count() == before


def test_a_server_that_refuses_the_head_leaves_no_file_open(path: Path) -> None:
    def refuse(*_: object) -> Any:
        raise ValueError

    before = descriptor_count()
    with pytest.raises(ValueError):
        static({"SCRIPT_FILENAME": str(path), "REQUEST_METHOD": "GET"}, refuse)
    assert descriptor_count() == before

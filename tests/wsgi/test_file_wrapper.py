"""`wsgi.file_wrapper`: what the client gets is what `read()` gives, by whatever way."""

from __future__ import annotations

import gzip
import io
import os
import socket
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ashd.proto import Request, send_request
from ashd.wsgi._filewrapper import FileWrapper
from ashdtest.exchanges import Serve, served
from ashdtest.handlers import read_all

CONTENT = bytes(range(256)) * 20_000  # 5 MB, beyond all that sockets take at a time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "content"
    path.write_bytes(CONTENT)
    return path


def sending(
    make: Callable[[], Any],
    headers: list[tuple[str, str]] | None = None,
    status: str = "200 OK",
    block_size: int | None = None,
) -> Any:
    """Return an application that hands over the file that `make` opens."""

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        start_response(status, headers or [])
        arguments = () if block_size is None else (block_size,)
        return environ["wsgi.file_wrapper"](make(), *arguments)

    return application


def at(file: Any, position: int) -> Any:
    file.seek(position)
    return file


def having_read(file: Any, count: int) -> Any:
    file.read(count)
    return file


class Shout(io.FileIO):
    """A file whose bytes are others than those of its descriptor."""

    def read(self, size: int | None = -1, /) -> bytes:
        return (super().read(-1 if size is None else size) or b"").upper()


class Delegating:
    """Passes everything on, like the wrappers of web frameworks."""

    def __init__(self, file: Any) -> None:
        self.file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self.file, name)


class DelegatingShout(Delegating):
    def read(self, size: int) -> bytes:
        data: bytes = self.file.read(size)
        return data.upper()


def named_temporary() -> Any:
    file = tempfile.NamedTemporaryFile()  # noqa: SIM115
    file.write(CONTENT)
    return at(file, 0)


def spooled(maximum: int) -> Any:
    file = tempfile.SpooledTemporaryFile(maximum)  # noqa: SIM115
    file.write(CONTENT)
    return at(file, 0)


REAL: dict[str, tuple[Callable[[Path], Any], bytes]] = {
    "buffered": (lambda path: path.open("rb"), CONTENT),
    "raw": (lambda path: path.open("rb", buffering=0), CONTENT),
    "for update": (lambda path: path.open("r+b"), CONTENT),
    "at an offset": (lambda path: at(path.open("rb"), 1_000_001), CONTENT[1_000_001:]),
    "partly read": (lambda path: having_read(path.open("rb"), 10), CONTENT[10:]),
    "named temporary": (lambda _: named_temporary(), CONTENT),
    "wrapped": (lambda path: Delegating(path.open("rb")), CONTENT),
    "wrapped twice": (lambda path: Delegating(Delegating(path.open("rb"))), CONTENT),
}

OTHERS: dict[str, tuple[Callable[[Path], Any], bytes]] = {
    "at the end": (lambda path: at(path.open("rb"), len(CONTENT)), b""),
    "beyond the end": (lambda path: at(path.open("rb"), len(CONTENT) + 5), b""),
    "in memory": (lambda _: io.BytesIO(CONTENT), CONTENT),
    "in memory at an offset": (lambda _: at(io.BytesIO(CONTENT), 5), CONTENT[5:]),
    "spooled in memory": (lambda _: spooled(len(CONTENT) * 2), CONTENT),
    "spooled on disk": (lambda _: spooled(10), CONTENT),
    "reading otherwise": (Shout, CONTENT.upper()),
    "wrapped and reading otherwise": (
        lambda path: DelegatingShout(path.open("rb")),
        CONTENT.upper(),
    ),
}


@pytest.mark.parametrize("name", REAL)
def test_real_files_go_out_with_their_length(serve: Serve, path: Path, name: str) -> None:
    make, expected = REAL[name]
    response = serve(sending(lambda: make(path))).call()
    assert response.get(b"Content-Length") == b"%d" % len(expected)
    assert response.body == expected


@pytest.mark.parametrize("name", REAL)
def test_real_files_are_left_to_the_system(path: Path, name: str) -> None:
    """They have a descriptor, offset and size, and nothing was read of them."""
    make, expected = REAL[name]
    wrapper = FileWrapper(make(path))
    extent = wrapper.extent()
    assert extent is not None
    descriptor, offset, count = extent
    assert os.pread(descriptor, count, offset) == expected
    wrapper.close()


@pytest.mark.parametrize("name", OTHERS)
def test_other_files_are_read(serve: Serve, path: Path, name: str) -> None:
    make, expected = OTHERS[name]
    assert serve(sending(lambda: make(path))).call().body == expected
    wrapper = FileWrapper(make(path))
    assert wrapper.extent() is None
    wrapper.close()


@pytest.mark.parametrize("wrap", [lambda file: file, io.BufferedReader])
def test_decompressed_files(serve: Serve, tmp_path: Path, wrap: Callable[[Any], Any]) -> None:
    path = tmp_path / "compressed"
    with gzip.open(path, "wb", compresslevel=1) as file:
        file.write(CONTENT)
    opened: list[Any] = []

    def make() -> Any:
        opened.append(gzip.open(path))  # noqa: SIM115
        return wrap(opened[-1])

    assert serve(sending(make)).call().body == CONTENT
    opened[0].close()


def test_pipes(serve: Serve) -> None:
    def make() -> Any:
        read_end, write_end = os.pipe()
        os.write(write_end, b"through a pipe")
        os.close(write_end)
        return open(read_end, "rb")  # noqa: PTH123

    assert serve(sending(make)).call().body == b"through a pipe"


def test_files_that_do_not_tell_their_size(serve: Serve) -> None:
    path = Path("/proc/self/status")
    response = serve(sending(lambda: path.open("rb"))).call()
    assert response.body.startswith(b"Name:")


def test_text_files_get_a_clear_500(
    serve: Serve, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert serve(sending(lambda: path.open(encoding="latin-1"))).call().status == 500
    assert "the body must come in pieces of bytes, not str" in caplog.text


def test_closed_files_are_an_error(serve: Serve, path: Path) -> None:
    def make() -> Any:
        file = path.open("rb")
        file.close()
        return file

    assert serve(sending(make)).call().status == 500


def unreadable(path: Path) -> io.FileIO:
    """Open a file at its start, but only for writing; its contents stay."""
    return io.FileIO(os.open(path, os.O_WRONLY), "w")


@pytest.mark.parametrize("opened", [lambda path: path.open("ab"), unreadable])
def test_files_that_may_not_be_read_are_an_error(
    serve: Serve, path: Path, opened: Callable[[Path], Any], caplog: pytest.LogCaptureFixture
) -> None:
    with serve(sending(lambda: opened(path))).open() as client:
        assert CONTENT[:100] not in read_all(client)
    assert "the application failed" in caplog.text


def test_a_head_that_the_socket_does_not_take_at_a_time(serve: Serve, path: Path) -> None:
    headers = [("X-Large", "x" * 30_000)]
    server = serve(sending(lambda: path.open("rb"), headers))
    ours, theirs = socket.socketpair()
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)  # as little as the kernel allows
    with Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach()) as request:
        send_request(server.socket, request)
    head, _, body = read_all(ours).partition(b"\r\n\r\n")
    assert head.count(b"x") == 30_000
    assert body == CONTENT


def test_block_size(serve: Serve) -> None:
    sizes: list[int] = []

    class Source:
        def read(self, size: int) -> bytes:
            sizes.append(size)
            return b"x" * 7 if len(sizes) < 3 else b""

    assert serve(sending(Source, block_size=7)).call().body == b"x" * 14
    assert sizes == [7, 7, 7]


def test_without_a_block_size_it_is_sensible(serve: Serve) -> None:
    sizes: list[int] = []

    class Source:
        def read(self, size: int) -> bytes:
            sizes.append(size)
            return b""

    serve(sending(Source)).call()
    assert 4096 <= sizes[0] <= 1 << 20


def test_it_can_be_iterated_and_closed_by_middleware(path: Path) -> None:
    wrapper = FileWrapper(path.open("rb"), 1_000_000)
    assert iter(wrapper) is wrapper
    assert b"".join(wrapper) == CONTENT
    wrapper.close()
    assert wrapper.file.closed
    FileWrapper(Delegating(None)).close()  # a file without close


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
@pytest.mark.parametrize("status", ["200 OK", "304 Not Modified", "204 No Content"])
def test_the_file_is_closed(serve: Serve, path: Path, method: bytes, status: str) -> None:
    opened: list[Any] = []

    def make() -> Any:
        opened.append(path.open("rb"))
        return opened[-1]

    server = serve(sending(make, status=status))
    response = server.call(method=method)
    server.call(method=method)  # served after the first one was finished
    assert opened[0].closed
    bare = method == b"HEAD" or status[0] == "3" or status[:3] == "204"
    assert response.body == (b"" if bare else CONTENT)


def test_head_tells_the_length(serve: Serve, path: Path) -> None:
    response = serve(sending(lambda: path.open("rb"))).call(method=b"HEAD")
    assert response.get(b"Content-Length") == b"%d" % len(CONTENT)


def test_the_file_is_closed_when_the_client_goes_away(
    way: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    opened: list[Any] = []

    def make() -> Any:
        opened.append(path.open("rb"))
        return opened[-1]

    with served(sending(make), way) as server:
        server.open().close()
        with server.open() as client:
            client.recv(100)
    assert [file.closed for file in opened] == [True, True]
    assert not [each for each in caplog.records if each.levelname != "DEBUG"]


# Lengths that don't fit


def test_less_than_the_file(serve: Serve, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    response = serve(sending(lambda: path.open("rb"), [("Content-Length", "100000")])).call()
    assert response.get(b"Content-Length") == b"100000"
    assert response.body == CONTENT[:100_000]
    assert "longer than its Content-Length of 100000" in caplog.text


def test_more_than_the_file(serve: Serve, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    length = str(len(CONTENT) + 3)
    response = serve(sending(lambda: path.open("rb"), [("Content-Length", length)])).call()
    assert response.body == CONTENT
    assert f"3 bytes shorter than its Content-Length of {length}" in caplog.text


def test_just_the_file(serve: Serve, path: Path, caplog: pytest.LogCaptureFixture) -> None:
    length = str(len(CONTENT))
    response = serve(sending(lambda: path.open("rb"), [("Content-Length", length)])).call()
    assert response.body == CONTENT
    assert not caplog.records


def test_no_length_fits_a_file_without_one(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    response = serve(sending(lambda: io.BytesIO(b"12345"), [("Content-Length", "3")])).call()
    assert response.body == b"123"
    assert "longer than its Content-Length of 3" in caplog.text


def test_a_file_that_is_truncated_meanwhile(
    way: str, path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with served(sending(lambda: path.open("rb")), way) as server, server.open() as client:
        first = client.recv(1)
        os.truncate(path, 2_000_000)
        head, _, body = (first + read_all(client)).partition(b"\r\n\r\n")
    assert b"Content-Length: %d\r\n" % len(CONTENT) in head + b"\r\n"
    assert len(body) < len(CONTENT)
    assert CONTENT.startswith(body)
    assert "shorter than its Content-Length" in caplog.text


def test_a_file_that_grows_meanwhile(way: str, path: Path) -> None:
    with served(sending(lambda: path.open("rb")), way) as server, server.open() as client:
        first = client.recv(1)
        with path.open("ab") as file:
            file.write(b"more")
        assert (first + read_all(client)).endswith(b"\r\n\r\n" + CONTENT)

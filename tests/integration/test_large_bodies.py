"""Large bodies each way, while the memory of both processes stays what it was."""

from __future__ import annotations

import hashlib
from contextlib import closing
from http.client import HTTPConnection
from itertools import repeat
from pathlib import Path
from urllib.parse import quote

import pytest

from ashdtest.client import Client, request
from ashdtest.frontend import FrontEnd
from ashdtest.processes import DEADLINE, peak_resident_kib

MIB = 1 << 20
SIZE = 128 * MIB
WARM_UP = 16 * MIB
MARGIN_KIB = 8 * 1024  # far below the size, far above what buffers and the allocator vary
PATIENCE = 10 * DEADLINE  # a machine that does other things as well may hash slowly
ZEROS = hashlib.sha256()
for _ in range(SIZE // MIB):
    ZEROS.update(bytes(MIB))


@pytest.fixture(scope="module", params=["free", "rplex"])
def model(request: pytest.FixtureRequest) -> str:
    """What `single` and `pool` do with a body is the same as with `free`."""
    name: str = request.param
    return name


def connection(server: FrontEnd) -> HTTPConnection:
    return HTTPConnection("127.0.0.1", server.port, timeout=PATIENCE)


def peaks(server: FrontEnd) -> list[int]:
    return [peak_resident_kib(pid) for pid in (server.pid, server.handler_pid)]


def upload(server: FrontEnd, size: int, *, length: bool) -> str:
    """Send so many zeros, with their length or in chunks, and return the answer."""
    pieces = repeat(bytes(MIB), size // MIB)
    headers = {"Content-Type": "application/octet-stream"}
    if length:
        headers["Content-Length"] = str(size)
    with closing(connection(server)) as client:
        client.request("POST", "/takes_upload", pieces, headers, encode_chunked=not length)
        return client.getresponse().read().decode()


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def assert_flat(before: list[int], server: FrontEnd) -> None:
    grown = [now - then for now, then in zip(peaks(server), before, strict=True)]
    assert max(grown) < MARGIN_KIB, f"front end and handler grew by {grown} KiB"


def test_upload_with_length(zoo: FrontEnd) -> None:
    upload(zoo, WARM_UP, length=True)
    before = peaks(zoo)
    answer = upload(zoo, SIZE, length=True)
    assert answer == f"{SIZE} {ZEROS.hexdigest()}\n"
    assert_flat(before, zoo)


def test_upload_in_chunks(zoo: FrontEnd) -> None:
    upload(zoo, WARM_UP, length=False)
    before = peaks(zoo)
    answer = upload(zoo, SIZE, length=False)
    assert answer == f"{SIZE} {ZEROS.hexdigest()}\n"
    assert_flat(before, zoo)


def download(server: FrontEnd, target: str) -> str:
    """Return the status and how many bytes came."""
    buffer = bytearray(MIB)
    with closing(connection(server)) as client:
        client.request("GET", f"/{target}")
        response = client.getresponse()
        size = sum(iter(lambda: response.readinto(buffer), 0))
        return f"{response.status} {size}"


def test_download_from_an_iterator(zoo: FrontEnd) -> None:
    download(zoo, f"gives_download?{WARM_UP}")
    before = peaks(zoo)
    assert download(zoo, f"gives_download?{SIZE}") == f"200 {SIZE}"
    assert_flat(before, zoo)


def test_download_of_a_file(zoo: FrontEnd, tmp_path: Path) -> None:
    small, large = sparse(tmp_path / "small", WARM_UP), sparse(tmp_path / "large", SIZE)
    download(zoo, f"gives_file?{quote(str(small))}")
    before = peaks(zoo)
    assert download(zoo, f"gives_file?{quote(str(large))}") == f"200 {SIZE}"
    assert_flat(before, zoo)


def test_a_client_that_reads_nothing_makes_nothing_grow(zoo: FrontEnd) -> None:
    download(zoo, f"gives_download?{WARM_UP}")
    before = peaks(zoo)
    with Client(zoo.connect()) as lazy:
        lazy.send(request(f"/gives_download?{SIZE}"))
        assert lazy.until(b"\r\n") == b"HTTP/1.1 200 OK\r\n"
        for _ in range(10):  # others are served meanwhile
            assert download(zoo, f"gives_download?{WARM_UP}") == f"200 {WARM_UP}"
    assert_flat(before, zoo)

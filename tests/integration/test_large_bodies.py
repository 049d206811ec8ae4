"""A gibibyte each way, while the memory of both processes stays what it was."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path
from urllib.parse import quote

import pytest

from ashdtest.client import Client, request
from ashdtest.frontend import FrontEnd
from ashdtest.processes import DEADLINE, peak_resident_kib

MIB = 1 << 20
SIZE = 1 << 30
WARM_UP = 16 * MIB
MARGIN_KIB = 8 * 1024  # far below the size, far above what buffers and the allocator vary
ZEROS = hashlib.sha256()
for _ in range(SIZE // MIB):
    ZEROS.update(bytes(MIB))


@pytest.fixture(scope="module", params=["free", "rplex"])
def model(request: pytest.FixtureRequest) -> str:
    """What `single` and `pool` do with a body is the same as with `free`."""
    name: str = request.param
    return name


# Some minutes: a machine that does other things as well may hash slowly.
CURL = ("curl", "--silent", "--show-error", "--max-time", str(10 * DEADLINE))


def curl(*args: str, stdin: int | None = None) -> str:
    command = [*CURL, *args]
    return subprocess.run(
        command, stdin=stdin, check=True, stdout=subprocess.PIPE, text=True
    ).stdout


def peaks(server: FrontEnd) -> list[int]:
    return [peak_resident_kib(pid) for pid in (server.pid, server.handler_pid)]


def upload(server: FrontEnd, file: Path, *args: str) -> str:
    return curl(*args, "--upload-file", str(file), f"{server.url}/takes_upload")


def sparse(path: Path, size: int) -> Path:
    with path.open("wb") as file:
        file.truncate(size)
    return path


def assert_flat(before: list[int], server: FrontEnd) -> None:
    grown = [now - then for now, then in zip(peaks(server), before, strict=True)]
    assert max(grown) < MARGIN_KIB, f"front end and handler grew by {grown} KiB"


def test_upload_with_length(zoo: FrontEnd, tmp_path: Path) -> None:
    kind = ("--header", "Content-Type: application/octet-stream")
    upload(zoo, sparse(tmp_path / "small", WARM_UP), *kind)
    before = peaks(zoo)
    answer = upload(zoo, sparse(tmp_path / "large", SIZE), *kind)
    assert answer == f"{SIZE} {ZEROS.hexdigest()}\n"
    assert_flat(before, zoo)


def test_upload_in_chunks(zoo: FrontEnd, tmp_path: Path) -> None:
    fields = ("--header", "Transfer-Encoding: chunked", "--header", "Content-Type: a/b")
    upload(zoo, sparse(tmp_path / "small", WARM_UP), *fields)
    before = peaks(zoo)
    answer = upload(zoo, sparse(tmp_path / "large", SIZE), *fields)
    assert answer == f"{SIZE} {ZEROS.hexdigest()}\n"
    assert_flat(before, zoo)


def download(server: FrontEnd, target: str) -> str:
    written = ("--output", "/dev/null", "--write-out", "%{http_code} %{size_download}")
    return curl(*written, f"{server.url}/{target}")


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

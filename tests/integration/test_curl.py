"""The usual client in its usual ways."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from ashdtest.frontend import FrontEnd
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE

pytestmark = needs("curl")

CURL = ("curl", "--silent", "--show-error", "--max-time", str(DEADLINE))
DATA = bytes(range(256)) * 20_000  # large enough for curl to ask first whether it may send it


def curl(*args: str, data: bytes = b"") -> bytes:
    return subprocess.run(
        [*CURL, *args], input=data, check=True, stdout=subprocess.PIPE, timeout=2 * DEADLINE
    ).stdout


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "data"
    path.write_bytes(DATA)
    return str(path)


@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_get(zoo: FrontEnd, version: str) -> None:
    assert curl(version, f"{zoo.url}/hello") == b"Hello, world!\n"
    assert curl(version, f"{zoo.url}/counts_lines?2") == b"line 0\nline 1\n"


@pytest.mark.parametrize("version", ["--http1.1", "--http1.0"])
def test_post(zoo: FrontEnd, version: str, file: str) -> None:
    answer = f"{len(DATA)} {hashlib.sha256(DATA).hexdigest()}\n".encode()
    url = f"{zoo.url}/takes_upload"
    assert curl(version, "--data-binary", f"@{file}", url) == answer
    asked = ("--header", "Expect: 100-continue", "--data-binary", f"@{file}")
    unanswered = ("--expect100-timeout", "0.1")  # HTTP/1.0 has no such answer
    assert curl(version, *unanswered, *asked, url) == answer


def test_what_comes_from_a_pipe_goes_out_in_chunks(zoo: FrontEnd) -> None:
    answer = f"{len(DATA)} {hashlib.sha256(DATA).hexdigest()}\n".encode()
    kind = ("--header", "Content-Type: application/octet-stream")
    assert curl(*kind, "--upload-file", "-", f"{zoo.url}/takes_upload", data=DATA) == answer


def test_an_upload_that_is_refused(zoo: FrontEnd, file: str) -> None:
    status = ("--output", "/dev/null", "--write-out", "%{http_code}")
    kind = ("--header", "Content-Type: application/octet-stream")
    assert curl(*status, *kind, "--upload-file", file, f"{zoo.url}/ignores_body") == b"413"


def test_head(zoo: FrontEnd) -> None:
    assert b"\r\nContent-Length: 14\r\n" in curl("--head", f"{zoo.url}/hello")


def test_connections_are_kept_whatever_the_response_is(zoo: FrontEnd) -> None:
    targets = ("hello", "counts_lines?3", "answers_status/204", "answers_status/304", "hello")
    args = [word for target in targets for word in ("--output", "/dev/null", f"{zoo.url}/{target}")]
    assert curl("--write-out", "%{num_connects} ", *args) == b"1 0 0 0 0 "


def test_a_cut_response_is_an_error(zoo: FrontEnd) -> None:
    command = [*CURL, "--output", "/dev/null", f"{zoo.url}/fails_late?1000"]
    partial_file = 18
    assert (
        subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode == partial_file
    )

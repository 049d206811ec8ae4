"""The raw requests of the corpus, sent to the real program: what its handler gets, and the client.

tests/htparser/test_corpus.py looks at what the reader makes of them, however they are cut. Here no
client is a proxy that may speak for others.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ashd.htparser._forwarded import forwarding_key
from ashd.htparser._syntax import is_ash
from ashdtest.corpus import Case, paths, read_cases
from ashdtest.frontend import FrontEnd, front_end
from ashdtest.http import Reader, Reply

RECORDING = [sys.executable, str(Path(__file__).with_name("recording_handler.py"))]
NEXT = b"GET /next HTTP/1.1\r\nHost: b\r\n\r\n"
STRINGS = ("method", "url", "version", "rest", "body")


@pytest.fixture(scope="module")
def server() -> Iterator[FrontEnd]:
    with front_end(RECORDING, options=["--forwarded-allow-ips="]) as running:
        yield running


@pytest.mark.parametrize("path", paths(), ids=lambda path: path.stem)
def test_requests(server: FrontEnd, path: Path) -> None:
    for case in read_cases(path):
        try:
            send(server, case)
        except (AssertionError, OSError) as error:
            error.add_note(f"case: {case.name}")
            raise


def send(server: FrontEnd, case: Case) -> None:
    """What is good is answered, what is refused closes the connection, whatever comes after it."""
    with server.connect() as sock:
        sock.sendall(case.data if case.unfinished else case.data + NEXT)
        reader = Reader(sock)
        for request in case.passed:
            if not request["whole"]:
                break
            reply = final(reader, head_only=request["method"] == b"HEAD")
            assert reply.status == 200
            if request["method"] != b"HEAD":
                check(json.loads(reply.body), request)
            if not request["keep_alive"]:
                assert reader.at_end()
                return
        if case.status is not None:
            assert final(reader, head_only=case.data.startswith(b"HEAD ")).status == case.status
            assert reader.at_end()
        elif not case.unfinished:
            assert json.loads(final(reader).body)["strings"][1] == "/next"


def final(reader: Reader, *, head_only: bool = False) -> Reply:
    reply = reader.reply(head_only=head_only)
    return reader.reply(head_only=head_only) if reply.status == 100 else reply


def check(record: dict[str, Any], request: dict[str, Any]) -> None:
    assert record["strings"] == [request[name].decode("latin-1") for name in STRINGS]
    headers = [tuple(part.encode("latin-1") for part in field) for field in record["headers"]]
    expected = [field for field in request["headers"] if not forwarding_key(field[0].lower())]
    assert [field for field in headers if not is_ash(field[0])] == expected
    ours = {name: value for name, value in headers if is_ash(name)}
    assert ours[b"X-Ash-Address"] == b"127.0.0.1"
    assert b"X-Ash-File" not in ours
    assert len(ours) == len(headers) - len(expected)

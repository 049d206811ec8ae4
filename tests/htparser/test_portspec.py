"""What can be listened on."""

from __future__ import annotations

import pytest

from ashd.htparser._errors import UsageError
from ashd.htparser._portspec import HelpRequested, Port, parse_portspec


@pytest.mark.parametrize(
    ("spec", "port"),
    [
        ("plain", Port(80, (None,), b"http")),
        ("plain:", Port(80, (None,), b"http")),
        ("plain:port=8080", Port(8080, (None,), b"http")),
        ("plain:bind=::1,port=0", Port(0, ("::1",), b"http")),
        ("plain:bind=[::1],bind=localhost", Port(80, ("::1", "localhost"), b"http")),
    ],
)
def test_good(spec: str, port: Port) -> None:
    assert parse_portspec(spec) == port


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("", "no port handler"),
        ("ftp", "no port handler 'ftp'"),
        ("ssl:cert=a", "no port handler 'ssl'"),
        ("plain:cert=a", "no parameter 'cert'"),
        ("plain:port", "port must be a number"),
        ("plain:port=http", "port must be a number"),
        ("plain:port=65536", "port must be a number"),
        ("plain:port=-1", "port must be a number"),
        ("plain:port=1,port=2", "given twice"),
        ("plain:bind=", "bind needs an address"),
    ],
)
def test_bad(spec: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_portspec(spec)


def test_help() -> None:
    with pytest.raises(HelpRequested, match="port=NUMBER") as answer:
        parse_portspec("plain:help")
    assert "bind=ADDRESS" in str(answer.value)

"""What can be listened on."""

from __future__ import annotations

import pytest

from ashd.htparser._errors import UsageError
from ashd.htparser._portspec import HelpRequested, Port, parse_portspec
from ashd.htparser._unix_socket import UnixAddress


@pytest.mark.parametrize(
    ("spec", "port"),
    [
        ("plain", Port(80, (None,), b"http")),
        ("plain:", Port(80, (None,), b"http")),
        ("plain:port=8080", Port(8080, (None,), b"http")),
        ("plain:bind=::1,port=0", Port(0, ("::1",), b"http")),
        ("plain:bind=[::1],bind=localhost", Port(80, ("::1", "localhost"), b"http")),
        ("plain:unix=/a", Port(80, (None,), b"http", unix=UnixAddress("/a"))),
        (
            "plain:unix=a,mode=660,owner=me,group=5",
            Port(80, (None,), b"http", unix=UnixAddress("a", 0o660, "me", "5")),
        ),
        ("plain:fd=3", Port(80, (None,), b"http", fd=3)),
        ("plain:systemd", Port(80, (None,), b"http", systemd="")),
        ("plain:systemd=web", Port(80, (None,), b"http", systemd="web")),
    ],
)
def test_good(spec: str, port: Port) -> None:
    assert parse_portspec(spec) == port


@pytest.mark.parametrize(
    ("spec", "complaint"),
    [
        ("", "no port handler"),
        ("ftp", "no port handler 'ftp'"),
        ("ssl:cert=a,mode=660", "mode is for a Unix socket"),
        ("plain:cert=a", "no parameter 'cert'"),
        ("plain:port", "port must be a number"),
        ("plain:port=http", "port must be a number"),
        ("plain:port=65536", "port must be a number"),
        ("plain:port=-1", "port must be a number"),
        ("plain:port=1,port=2", "given twice"),
        ("plain:bind=", "bind needs an address"),
        ("plain:unix=", "unix needs the path of a socket"),
        ("plain:unix=a,mode=rw", "mode must be octal, such as 660, not 'rw'"),
        ("plain:unix=a,mode=1777", "mode must be octal"),
        ("plain:unix=a,mode=-1", "mode must be octal"),
        ("plain:unix=a,port=80", "unix and port exclude each other"),
        ("plain:unix=a,fd=3", "unix and fd exclude each other"),
        ("plain:fd=3,bind=::1", "fd and bind exclude each other"),
        ("plain:mode=660", "mode is for a Unix socket"),
        ("plain:systemd,fd=3", "fd and systemd exclude each other"),
        ("plain:fd=", "fd must be the number of a descriptor"),
        ("plain:proxy=10.0.0.5/8", "plain: proxy: '10.0.0.5/8' is .* the network: 10.0.0.0/8"),
        ("plain:proxy=lb.example", "plain: proxy: 'lb.example' is not an address, a network"),
        ("plain:fd=-1", "fd must be the number of a descriptor"),
    ],
)
def test_bad(spec: str, complaint: str) -> None:
    with pytest.raises(UsageError, match=complaint):
        parse_portspec(spec)


def test_help() -> None:
    with pytest.raises(HelpRequested, match="port=NUMBER") as answer:
        parse_portspec("plain:help")
    assert "bind=ADDRESS" in str(answer.value)

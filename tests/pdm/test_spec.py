"""The texts that say where to listen and where to connect."""

from __future__ import annotations

import pytest

from ashd.pdm import SpecError
from ashd.pdm.cli import SshTarget, Target, TcpTarget, UnixTarget, parse_target
from ashd.pdm.srv import TcpSpec, UnixSpec, parse_spec


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("/run/x.sock", UnixSpec("/run/x.sock", 0o600)),
        ("./x", UnixSpec("./x", 0o600)),
        ("run/x", UnixSpec("run/x", 0o600)),
        ("/run/x:660", UnixSpec("/run/x", 0o660)),
        ("/run/x:0660:adm", UnixSpec("/run/x", 0o660, "adm")),
        ("/run/x:0000:0", UnixSpec("/run/x", 0, "0")),
        ("/run/a:b/x:0777", UnixSpec("/run/a:b/x", 0o777)),
        ("127.0.0.1:7070", TcpSpec("127.0.0.1", 7070)),
        ("localhost:0", TcpSpec("localhost", 0)),
        ("[::1]:7070", TcpSpec("::1", 7070)),
        (":7070", TcpSpec("", 7070)),
        ("[]:7070", TcpSpec("", 7070)),
    ],
)
def test_specs(text: str, meaning: UnixSpec | TcpSpec) -> None:
    assert parse_spec(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "7070",
        "/",
        "/run/",
        "/run/:0600",
        "/run/x:",
        "/run/x:rw",
        "/run/x:0o600",
        "/run/x:600:",
        "/run/x::adm",
        "/run/x:1777",
        "/run/x:4755",
        "/run/x:07777",
        "/run/x:80",
        "/run/x:-600",
        "/run/x:600:a:b",
        "/run/x\0y",
        "localhost:",
        "localhost:http",
        "localhost:65536",
        "localhost:-1",
        "localhost:+80",
        "localhost:٧",  # noqa: RUF001
        "::1:80",
        "[::1]",
        "[::1]80",
        "localhost:80:90",
        "/" + "x" * 107,
    ],
)
def test_what_is_no_spec_shows_what_is(text: str) -> None:
    with pytest.raises(SpecError) as raised:
        parse_spec(text)
    assert "\n" not in str(raised.value)
    assert ("PATH[:MODE[:GROUP]]" in str(raised.value) and "ADDRESS:PORT" in str(raised.value)) or (
        "107 bytes" in str(raised.value)
    )


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("/run/x", UnixTarget("/run/x")),
        ("./x", UnixTarget("./x")),
        ("/run/a:b", UnixTarget("/run/a:b")),
        ("./a:b", UnixTarget("./a:b")),
        ("7070", TcpTarget("localhost", 7070)),
        ("host:7070", TcpTarget("host", 7070)),
        ("[::1]:7070", TcpTarget("::1", 7070)),
        ("host:/run/x", SshTarget("host", "/run/x")),
        ("me@host:./x", SshTarget("me@host", "./x")),
        ("host:run/a:b", SshTarget("host", "run/a:b")),
    ],
)
def test_targets(text: str, meaning: Target) -> None:
    assert parse_target(text) == meaning


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "host:",
        "host:x",
        ":80",
        ":/x",
        "0",
        "70000",
        "host:0",
        "-oProxyCommand=x:/y",
        "h:/\0",
        "/\0",
    ],
)
def test_what_is_no_target_shows_what_is(text: str) -> None:
    with pytest.raises(SpecError, match="use PATH"):
        parse_target(text)

"""Early hints: `wsgi.early_hints` (103, RFC 8297), through front end, proxy and browser."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ashdtest.authority import Authority
from ashdtest.cases import about
from ashdtest.client import Client, request
from ashdtest.commands import attempt, command, each_model
from ashdtest.frontend import FrontEnd, front_end
from ashdtest.outside import find, needs
from ashdtest.processes import DEADLINE
from ashdtest.proxies import KINDS, NAME, Places, Proxy, make_certificate, running
from ashdtest.sites import wsgi_command

LINK = "</style.css>; rel=preload; as=style"


@contextmanager
def serving(*options: str, model: str = "free") -> Iterator[FrontEnd]:
    argv = wsgi_command("hints", model=model)
    with front_end([*argv[:-2], *options, *argv[-2:]]) as server:
        yield server


@each_model
def test_hints(model: str) -> None:
    limit = "--request-timeout=0.3"
    with serving("--early-hints", limit, model=model) as server, Client(server.connect()) as client:
        for number in (0, 1, 3, 16, 20):
            with about(str(number)):
                client.send(request(f"/hints?{number}"))
                for _ in range(min(number, 16)):
                    hint = client.reply()
                    assert hint.status == 103
                    assert hint.headers == {"link": LINK, "x-number": "1"}
                assert client.reply().body == b"something"
        wrong = client.send(request("/wrong")).reply().body.split()
        assert set(wrong) == {b"ResponseError"}
        client.send(request("/hints?2", method="HEAD"))
        assert [client.reply(head_only=True).status for _ in range(3)] == [103, 103, 200]
        old = server.exchange(request("/hints?2", version="HTTP/1.0"))
        assert old.startswith(b"HTTP/1.1 200 ")
        assert old.endswith(b"no hints")
        client.send(request("/slow"))
        assert [client.reply().status for _ in range(2)] == [103, 504]


def test_nobody_gets_hints_unless_they_are_allowed() -> None:
    """Proxies may fail at them, as nginx did before 1.29."""
    with serving() as server, Client(server.connect()) as client:
        assert client.send(request("/hints?1")).reply().body == b"no hints"


def test_not_over_scgi() -> None:
    outcome = attempt(command("--early-hints", "--bind", ":1", "hints", name="scgi-wsgi"))
    assert outcome.status == 2
    assert "take none over SCGI" in outcome.stderr


def placed(folder: Path, server: FrontEnd) -> Places:
    folder.chmod(0o755)  # proxies change their user
    make_certificate(Authority(folder), folder)
    return Places(folder, server.port, 0, 0)


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param("haproxy", marks=needs("haproxy")),
        pytest.param("apache", marks=needs("apache2")),
        pytest.param("caddy", marks=needs("caddy")),
    ],
)
def test_proxies_that_pass_them_on(kind: str, tmp_path: Path) -> None:
    with serving("--early-hints") as server:
        places = placed(tmp_path, server)
        with running(kind, places) as proxy, tls_client(proxy) as client:
            client.send(request("/hints?1").replace(b"localhost", NAME.encode()))
            assert client.reply().headers["link"] == LINK
            assert client.reply().body == b"something"


@needs("nginx")
def test_nginx_with_http_1_0_gets_none(tmp_path: Path) -> None:
    with serving("--early-hints") as server:
        places = placed(tmp_path, server)
        text = KINDS["nginx"].configuration(places)
        text = text.replace("proxy_http_version 1.1", "proxy_http_version 1.0")
        with running("nginx", places, text=text) as proxy, tls_client(proxy) as client:
            client.send(request("/hints?1").replace(b"localhost", NAME.encode()))
            assert client.reply().body == b"no hints"


@contextmanager
def tls_client(proxy: Proxy) -> Iterator[Client]:
    with (
        socket.create_connection((NAME, proxy.places.https), DEADLINE) as sock,
        Client(proxy.context.wrap_socket(sock, server_hostname=NAME)) as client,
    ):
        yield client


@needs("chromium", "caddy")
def test_a_browser(tmp_path: Path) -> None:
    """It asks for the style sheet before there is a response. Browsers take hints over HTTP/2."""
    with serving("--early-hints") as server:
        places = placed(tmp_path, server)
        with running("caddy", places):
            page = subprocess.run(
                [
                    str(find("chromium")),
                    *("--headless", "--no-sandbox", "--disable-gpu", "--ignore-certificate-errors"),
                    *("--dump-dom", f"https://127.0.0.1:{places.https}/page"),
                ],
                capture_output=True,
                text=True,
                check=True,
                env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
            ).stdout
    assert "fetched early" in page

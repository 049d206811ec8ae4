"""Behind real proxies, with the configurations of examples/, over TCP and Unix sockets.

Proxies are on 127.0.0.1, which the front end trusts. Clients come from 127.0.0.2, which it doesn't.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from ashdtest.authority import Authority
from ashdtest.frontend import FrontEnd
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, free_port
from ashdtest.proxies import EXAMPLES, KINDS, NAME, Places, Proxy, make_certificate, running
from ashdtest.sites import site

CLIENT = "127.0.0.2"
FORGED = {
    "X-Forwarded-For": "192.0.2.66",
    "X-Forwarded-Proto": "ws",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "666",
    "X-Real-IP": "192.0.2.66",
    "Forwarded": "for=192.0.2.66;proto=ws;host=evil.example",
    "X_Forwarded_Host": "evil.example",
}
_FORGED = re.compile(r"evil|192\.0\.2\.66|\b666\b|\bws\b")


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    """A folder for all: that of pytest may be closed to other users."""
    with tempfile.TemporaryDirectory(prefix="ashd-proxies-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        make_certificate(Authority(folder), folder)
        yield Places(folder, 0, free_port(), free_port())


@pytest.fixture(scope="module")
def server(places: Places) -> Iterator[FrontEnd]:
    certificate = f"cert={places.folder}/site.pem"
    options = [
        "--forwarded-allow-ips=127.0.0.1,unix",
        f"plain:unix={places.folder}/http,mode=666",
        f"plain:bind=127.0.0.1,port={places.proxy_port},proxy=127.0.0.1",
        f"ssl:bind=127.0.0.1,port={places.proxy_tls_port},proxy=127.0.0.1,{certificate}",
    ]
    with site("proxied_site", model="pool", options=options) as running_site:
        places.port = running_site.port
        yield running_site


@pytest.fixture(
    scope="module", params=[pytest.param(name, marks=needs(KINDS[name].program)) for name in KINDS]
)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module", params=["tcp", "unix"])
def proxy(
    kind: str, request: pytest.FixtureRequest, places: Places, server: FrontEnd
) -> Iterator[Proxy]:
    with running(kind, places, unix=request.param == "unix") as it:
        yield it


def test_what_the_site_knows(proxy: Proxy) -> None:
    """The same, whatever the client sends besides."""
    port = proxy.places.https
    for headers in ({}, FORGED):
        with proxy.client(CLIENT) as client:
            told: dict[str, Any] = client.get("/request", headers=headers).json()
        seen = told.pop("headers")
        assert told == {
            "REMOTE_ADDR": CLIENT,
            "HTTPS": "on",
            "wsgi.url_scheme": "https",
            "HTTP_HOST": f"{NAME}:{port}",
            "SERVER_PORT": str(port),
            "here": f"https://{NAME}:{port}/request",
        }
        assert not _FORGED.search(str(seen))


def test_redirects_of_the_site_keep_https(proxy: Proxy) -> None:
    with proxy.client(CLIENT) as client:
        answer = client.get("/old")
        assert answer.headers["Location"] == str(client.base_url.join("/request"))
        assert client.get(answer.headers["Location"]).status_code == 200


def test_http_is_sent_to_https(proxy: Proxy) -> None:
    answer = httpx.get(f"http://{NAME}:{proxy.places.http}/request", timeout=DEADLINE)
    assert answer.status_code in (301, 302, 308)
    assert answer.headers["Location"].startswith(f"https://{NAME}")


@needs("haproxy")
@pytest.mark.parametrize("version", ["send-proxy-v2", "send-proxy"])
def test_the_proxy_protocol(places: Places, server: FrontEnd, version: str) -> None:
    """Connections come through as they are, and so does what the client says of others."""
    places = replace(places, http=free_port(), https=free_port())  # another proxy is still there
    text = (EXAMPLES / "haproxy" / "notes-tcp.cfg").read_text(encoding="utf-8")
    text = places.fill_in(text).replace("bind :", f"bind {NAME}:").replace("send-proxy-v2", version)
    with running("haproxy", places, text=text) as proxy, proxy.client(CLIENT) as client:
        for scheme, port, path in (
            ("http", places.http, "plain"),
            ("https", places.https, "request"),
        ):
            for headers in ({}, FORGED):
                url = f"{scheme}://{NAME}:{port}/{path}"
                told = client.get(url, headers=headers).json()
                assert told["REMOTE_ADDR"] == CLIENT
                assert told["SERVER_PORT"] == str(port)
                assert told["here"] == url
                assert not _FORGED.search(str(told["headers"]))


def test_forged_headers_from_elsewhere_change_nothing(server: FrontEnd) -> None:
    transport = httpx.HTTPTransport(local_address=CLIENT)
    with httpx.Client(base_url=server.url, transport=transport, timeout=DEADLINE) as client:
        plain = client.get("/plain")
        told = plain.json()
        assert told["REMOTE_ADDR"] == CLIENT
        assert told["here"] == f"{server.url}/plain"
        forged = {**FORGED, "X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on"}
        again = client.get("/plain", headers=forged).json()
        for name in ("X-Ash-Connection-ID", "X-Ash-Port"):
            key = f"HTTP_{name.replace('-', '_').upper()}"
            assert told["headers"].pop(key, "") == again["headers"].pop(key, "")
        assert again == told
        assert client.get("/request", headers=forged).status_code == 301
    server.wait_for_log(f"{CLIENT} sent X-Forwarded-For or the like, which is removed")

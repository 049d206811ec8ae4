"""Real proxies in front of a server, with the configurations of examples/.

with running("nginx", places) as proxy:
    proxy.client(local_address="127.0.0.2").get("/")

They listen on 127.0.0.1. Each configuration is checked first, as an administrator would do it, and
must give no warning.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from .authority import Authority
from .outside import find
from .processes import DEADLINE, free_port, wait_until

EXAMPLES = Path(__file__).parents[3] / "examples"
NAME = "127.0.0.1"
"""The name of the site."""


@dataclass(slots=True)
class Places:
    """Where things are in a test, in place of what the examples say."""

    folder: Path
    """Which everybody may enter: proxies change their user."""
    port: int
    """Of the server: HTTP. It is at the Unix socket `http` in the folder as well."""
    proxy_port: int
    """Likewise, with the PROXY protocol."""
    proxy_tls_port: int
    """Likewise, with TLS in it."""
    http: int = field(default_factory=free_port)
    """Of the proxy."""
    https: int = field(default_factory=free_port)

    def fill_in(self, text: str, name: str = NAME) -> str:
        """Return an example's text with these places in it."""
        for pattern, place in (
            (r"/etc/ssl/notes\b", f"{self.folder}/site"),
            (r"/run/notes/", f"{self.folder}/"),
            (r"\b8080\b", str(self.port)),
            (r"\b8081\b", str(self.proxy_port)),
            (r"\b8082\b", str(self.proxy_tls_port)),
            (r"(listen |bind |bind :|\*:)80\b", rf"\g<1>{self.http}"),
            (r"(listen |bind :|\*:)443\b", rf"\g<1>{self.https}"),
            (r"\bnotes\.example\.org\b", name),
        ):
            text = re.sub(pattern, place, text)
        return text


def make_certificate(authority: Authority, folder: Path) -> None:
    """Write `site.crt`, `site.key`, and `site.pem` with both."""
    made = authority.issue(NAME)
    for name, blobs in (
        ("site.crt", made.cert_chain_pems),
        ("site.key", [made.private_key_pem]),
        ("site.pem", [made.private_key_and_cert_chain_pem]),
    ):
        (folder / name).write_bytes(b"".join(blob.bytes() for blob in blobs))


@dataclass(frozen=True, slots=True)
class Kind:
    """A proxy, and how it is run with one of the examples."""

    program: str
    example: str
    over_tcp: str
    over_unix: str
    """What takes the place of `over_tcp` in the example, which says so in a comment."""
    complete: Callable[[Places, str], str]
    """Makes a whole configuration of the example."""
    check: tuple[str, ...]
    """Options, before the name of the configuration, to check it."""
    run: tuple[str, ...]
    """Likewise, to run it in the foreground."""

    def configuration(self, places: Places, *, unix: bool = False) -> str:
        """Return the example with the places of a test in it."""
        text = (EXAMPLES / self.example).read_text(encoding="utf-8")
        if unix:
            assert text.count(self.over_unix) == 1
            text = text.replace(self.over_tcp, self.over_unix)
        return self.complete(places, text)


def _nginx(places: Places, text: str) -> str:
    folder = places.folder
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off; master_process off; pid {folder}/nginx.pid; error_log stderr;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}{places.fill_in(text)}}}\n"
    )


def _haproxy(places: Places, text: str) -> str:
    return places.fill_in(text).replace("bind :", f"bind {NAME}:")


def _apache(places: Places, text: str) -> str:
    names = ("mpm_event", "authz_core", "alias", "socache_shmcb", "ssl", "headers", "proxy")
    modules = "".join(
        f"LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"
        for name in (*names, "proxy_http")
    )
    user = "User www-data\nGroup www-data\n" if os.getuid() == 0 else ""
    return (
        f"{modules}{user}DefaultRuntimeDir {places.folder}\nPidFile {places.folder}/apache.pid\n"
        f"ErrorLog /dev/stderr\nServerName {NAME}\n"
        f"Listen {NAME}:{places.http}\nListen {NAME}:{places.https}\n{places.fill_in(text)}"
    )


def _caddy(places: Places, text: str) -> str:
    options = (
        *("admin off", "local_certs", "skip_install_trust", f"default_bind {NAME}"),
        *(f"http_port {places.http}", f"https_port {places.https}"),
        f"storage file_system {places.folder}/caddy",
    )
    before = "".join(f"\t{option}\n" for option in options)
    return f"{{\n{before}}}\n\n{places.fill_in(text)}"


_NGINX = ("-e", "stderr", "-c")
KINDS = {
    "nginx": Kind(
        *("nginx", "nginx/notes.conf", "127.0.0.1:8080", "unix:/run/notes/http", _nginx),
        *(("-t", "-q", *_NGINX), _NGINX),
    ),
    "haproxy": Kind(
        *("haproxy", "haproxy/notes.cfg", "127.0.0.1:8080", "unix@/run/notes/http", _haproxy),
        *(("-c", "-f"), ("-db", "-f")),
    ),
    "apache": Kind(
        *("apache2", "apache/notes.conf", "http://127.0.0.1:8080/"),
        *("unix:/run/notes/http|http://localhost/", _apache),
        *(("-t", "-f"), ("-DFOREGROUND", "-f")),
    ),
    "caddy": Kind(
        *("caddy", "caddy/Caddyfile", "127.0.0.1:8080", "unix//run/notes/http", _caddy),
        *(("validate", "--adapter=caddyfile", "--config"),),
        ("run", "--adapter=caddyfile", "--config"),
    ),
}


@dataclass(slots=True)
class Proxy:
    """A running proxy."""

    places: Places

    @property
    def context(self) -> ssl.SSLContext:
        """What a client needs to trust the proxy; Caddy has a certificate of its own."""
        context = ssl.create_default_context(cafile=str(self.places.folder / "ca.pem"))
        root = self.places.folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
        if root.exists():
            context.load_verify_locations(root)
        return context

    def shakes_hands(self) -> bool:
        """Tell whether TLS works: Caddy makes its certificate while it listens already."""
        try:
            with socket.create_connection((NAME, self.places.https), timeout=DEADLINE) as sock:
                self.context.wrap_socket(sock, server_hostname=NAME).close()
        except OSError:
            return False
        return True

    def client(self, source: str = "127.0.0.1") -> httpx.Client:
        """Return a client that comes from an address of this machine."""
        transport = httpx.HTTPTransport(verify=self.context, local_address=source)
        url = f"https://{NAME}:{self.places.https}"
        return httpx.Client(base_url=url, transport=transport, timeout=DEADLINE)


@contextmanager
def running(
    name: str, places: Places, *, unix: bool = False, text: str | None = None
) -> Iterator[Proxy]:
    """Run a proxy of `KINDS` for the length of a block; `text` is another configuration."""
    kind = KINDS[name]
    program = find(kind.program)
    assert program is not None
    configuration = places.folder / f"{name}.conf"
    if text is None:
        text = kind.configuration(places, unix=unix)
    configuration.write_text(text, encoding="utf-8")
    env = {**os.environ, "HOME": str(places.folder)}
    checked = subprocess.run(
        [program, *kind.check, str(configuration)],
        env=env,
        capture_output=True,
        text=True,
        check=False,
    )
    said = checked.stdout + checked.stderr
    assert not checked.returncode, said
    assert "warn" not in said.lower(), said
    with (places.folder / f"{name}.log").open("w+", encoding="utf-8") as log:
        process = subprocess.Popen(
            [program, *kind.run, str(configuration)],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
        try:
            wait_until(lambda: process.poll() is not None or _listens(places))
            assert process.poll() is None, Path(log.name).read_text(encoding="utf-8")
            proxy = Proxy(places)
            wait_until(proxy.shakes_hands)
            yield proxy
        finally:
            process.terminate()
            process.wait(DEADLINE)


def _listens(places: Places) -> bool:
    return all(_accepts(port) for port in (places.http, places.https))


def _accepts(port: int) -> bool:
    try:
        socket.create_connection((NAME, port), timeout=DEADLINE).close()
    except OSError:
        return False
    return True

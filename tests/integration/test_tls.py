"""TLS with the clients that people have, from a browser's way to ask to one that does nothing."""

from __future__ import annotations

import hashlib
import re
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ashdtest.authority import Authority, names_of
from ashdtest.client import request
from ashdtest.frontend import HANDLER, FrontEnd, front_end
from ashdtest.http import Reader, Reply
from ashdtest.outside import needs
from ashdtest.processes import (
    DEADLINE,
    descriptor_count,
    program,
    python_environment,
    wait_until,
)
from ashdtest.sites import wsgi_command

GET = request("/")
WITHOUT_UVLOOP = "import sys\nsys.modules['uvloop'] = None\n"
DATA = bytes(range(256)) * 40_000


@dataclass(frozen=True, slots=True)
class Site:
    """A server with a port for everybody, and one for clients with certificates."""

    server: FrontEnd
    authority: Authority
    port: int
    trusting_port: int

    @property
    def url(self) -> str:
        """The port for everybody."""
        return f"https://127.0.0.1:{self.port}"

    def curl(self, *args: str) -> subprocess.CompletedProcess[bytes]:
        """Run curl."""
        limits = ("--silent", "--show-error", "--max-time", str(DEADLINE))
        command = ["curl", *limits, "--cacert", str(self.authority.file), *args]
        return subprocess.run(command, capture_output=True, check=False, timeout=2 * DEADLINE)

    def openssl(self, *args: str, commands: str = "", port: int = 0) -> str:
        """Run `openssl s_client` with what is typed into it; return what it shows."""
        where = f"127.0.0.1:{port or self.port}"
        command = ["openssl", "s_client", "-connect", where, "-CAfile", str(self.authority.file)]
        return subprocess.run(
            [*command, *args],
            input=commands.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=DEADLINE,
        ).stdout.decode("utf-8", "replace")


def tls_port(server: FrontEnd, address: str) -> int:
    """Return the port that a server has chosen at an address of its own."""
    server.wait_for_log("listening on")
    return int(re.findall(rf"listening on .*?\b{re.escape(address)}:(\d+)", server.log)[0])


@contextmanager
def serving(folder: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Site]:
    authority = Authority(folder)
    cert = authority.certificate("127.0.0.1", "127.0.0.2", "a.example", file="cert.pem")
    named = authority.certificate("*.b.example", file="named.pem")
    specs = [
        f"ssl:port=0,bind=127.0.0.1,cert={cert},ncert={named}",
        f"ssl:port=0,bind=127.0.0.2,cert={cert},trust={authority.file}",
    ]
    specs += [f"ssl:port=0,bind=127.0.0.3,proxy=*,cert={cert}", f"ssl:unix={folder}/s,cert={cert}"]
    with front_end(wsgi_command("tls"), options=[*options, *specs], env=env) as server:
        ports = [tls_port(server, address) for address in ("127.0.0.1", "127.0.0.2")]
        yield Site(server, authority, *ports)


@pytest.fixture(scope="module", params=["uvloop", "asyncio"])
def site(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("tls")
    env = None if request.param == "uvloop" else python_environment(folder, WITHOUT_UVLOOP)
    with serving(folder, env=env) as running:
        before = running.server.log
        yield running
        assert running.server.log == before, "no client is worth a line in the log"


def ask(sock: socket.socket, data: bytes = GET) -> Reply:
    sock.sendall(data)
    return Reader(sock).reply()


def properties(reply: bytes) -> dict[str, str]:
    return dict(line.split("=", 1) for line in reply.decode("utf-8").splitlines())


@needs("curl")
def test_curl(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(DATA)
    digest = hashlib.sha256(DATA).hexdigest().encode()
    sizes = ("--output", "/dev/null", "--write-out", "%{num_connects} %{http_version} ")
    assert site.curl(*sizes, site.url, *sizes[:2], site.url).stdout == b"1 1.1 0 1.1 "
    for coding in ((), ("--header", "Transfer-Encoding: chunked")):
        for version in ("1.2", "1.3"):
            upload = ("--data-binary", f"@{file}", f"--tlsv{version}", "--tls-max", version)
            assert site.curl(*coding, *upload, site.url).stdout == digest
    download = site.curl(f"{site.url}/download?320").stdout
    assert hashlib.sha256(download).digest() == hashlib.sha256(DATA[:65536] * 320).digest()


@needs("curl")
def test_what_the_application_gets_to_know(site: Site) -> None:
    fields = ("X-Ash-TLS-Client-Subject: CN=root", "X_Ash_TLS_Client_Verify: SUCCESS")
    forged = [word for field in (*fields, "SSL_CLIENT_S_DN: CN=x") for word in ("--header", field)]
    seen = properties(site.curl(*forged, "--tls-max", "1.2", site.url).stdout)
    assert seen == {
        "HTTPS": "on",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_X_ASH_TLS_CIPHER": seen["SSL_CIPHER"],
        "HTTP_X_ASH_TLS_PROTOCOL": "TLSv1.2",
        "SSL_CIPHER": seen["SSL_CIPHER"],
        "SSL_CLIENT_VERIFY": "NONE",
        "SSL_PROTOCOL": "TLSv1.2",
        "wsgi.url_scheme": "https",
    }
    assert seen["SSL_CIPHER"].startswith("ECDHE-")
    with site.server.connect() as sock:
        fields = ("X-Ash-Protocol: https", "X-Ash-TLS-Protocol: TLSv1.3")
        seen = properties(ask(sock, request("/", *fields)).body)
    assert seen == {"REMOTE_ADDR": "127.0.0.1", "wsgi.url_scheme": "http"}


@needs("curl")
def test_certificates_of_clients(site: Site) -> None:
    mine = site.authority.certificate("bob@example.org", file="bob.pem", common_name="Bób, jr")
    url = f"https://127.0.0.2:{site.trusting_port}/"
    seen = properties(site.curl("--cert", str(mine), url).stdout)
    assert seen["SSL_CLIENT_VERIFY"] == "SUCCESS"
    assert seen["SSL_CLIENT_S_DN"].startswith("CN=Bób\\, jr,OU=")
    stranger = Authority(mine.parent / "..").certificate("eve@example.org", file="eve.pem")
    assert b"alert certificate required" in site.curl(url).stderr
    assert b"alert unknown ca" in site.curl("--cert", str(stranger), url).stderr


def test_the_certificate_for_the_name(site: Site) -> None:
    any_name = site.authority.client_context()
    any_name.check_hostname = False
    for name, first in {
        "x.b.example": "*.b.example",
        "a.example": "a.example",
        "unknown.example": "a.example",
    }.items():
        with site.authority.connect(site.port, name, any_name) as sock:
            assert first in names_of(sock)
            assert ask(sock).status == 200


def test_a_name_that_is_none_is_no_line_in_the_log(site: Site) -> None:
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    hello = client.wrap_bio(incoming, outgoing, server_hostname="x.b.example")
    with pytest.raises(ssl.SSLWantReadError):
        hello.do_handshake()
    odd = outgoing.read().replace(b"x.b.example", b"\xff.b.example")
    with socket.create_connection(("127.0.0.1", site.port), timeout=DEADLINE) as sock:
        sock.sendall(odd)
        alert = sock.recv(100)
        assert alert[0] == 21
        assert sock.recv(100) == b""


@needs("openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_sessions_are_resumed(site: Site, tmp_path: Path, version: str) -> None:
    kept = str(tmp_path / "session")
    ask_once = "GET / HTTP/1.0\r\n\r\n"
    options = (version, "-ign_eof")
    assert "New, TLSv1" in site.openssl(*options, "-sess_out", kept, commands=ask_once)
    assert "Reused, TLSv1" in site.openssl(*options, "-sess_in", kept, commands=ask_once)


@needs("openssl")
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_who_resumes_a_session_is_still_known(site: Site, tmp_path: Path, version: str) -> None:
    mine = str(site.authority.certificate("bob@example.org", file="bob.pem", common_name="Bob"))
    kept = str(tmp_path / "session")
    options = ("-connect", f"127.0.0.2:{site.trusting_port}", version, "-ign_eof", "-cert", mine)
    ask_once = "GET / HTTP/1.0\r\n\r\n"
    assert "SSL_CLIENT_S_DN=CN=Bob," in site.openssl(*options, "-sess_out", kept, commands=ask_once)
    again = site.openssl(*options[:-2], "-sess_in", kept, commands=ask_once)
    assert "Reused, TLSv1" in again
    assert "SSL_CLIENT_S_DN=CN=Bob," in again
    assert "SSL_CLIENT_VERIFY=SUCCESS" in again


@needs("openssl")
def test_what_is_refused(site: Site) -> None:
    assert "no protocols available" in site.openssl("-tls1_1") or "alert" in site.openssl("-tls1_1")
    weak = ("-tls1_2", "-cipher", "AES128-SHA:AES128-GCM-SHA256:@SECLEVEL=0")
    assert "alert handshake failure" in site.openssl(*weak)
    assert "no renegotiation" in site.openssl("-tls1_2", commands="R\n")
    assert "wrong version number" in site.openssl(port=site.server.port)
    assert "No ALPN negotiated" in site.openssl("-alpn", "h2", commands="Q\n")
    assert "ALPN protocol: http/1.1" in site.openssl("-alpn", "h2,http/1.1", commands="Q\n")


@needs("openssl")
def test_new_keys_in_a_connection(site: Site) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0
    ) as client:
        assert client.stdin is not None
        assert client.stdout is not None
        for text, awaited in {
            "": b"Verify return code",
            "K\n": b"KEYUPDATE",
            "GET / HTTP/1.0\r\n\r\n": b"SSL_PROTOCOL=TLSv1.3",
        }.items():
            client.stdin.write(text.encode())
            seen = b""
            while awaited not in seen:
                piece = client.stdout.read(1000)
                assert piece, seen
                seen += piece
        client.kill()


def test_tls_after_the_header_of_a_proxy(site: Site) -> None:
    client = site.authority.context
    where = ("127.0.0.3", tls_port(site.server, "127.0.0.3"))
    with socket.create_connection(where, timeout=DEADLINE) as sock:
        sock.sendall(b"PROXY TCP4 192.0.2.1 192.0.2.2 1234 443\r\n")
        with client.wrap_socket(sock, server_hostname="a.example") as secured:
            seen = properties(ask(secured).body)
    assert seen["REMOTE_ADDR"] == "192.0.2.1"
    assert seen["SSL_PROTOCOL"] == "TLSv1.3"


def test_tls_over_a_unix_socket(site: Site) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(site.authority.file.with_name("s")))
        with site.authority.context.wrap_socket(sock, server_hostname="a.example") as secured:
            assert properties(ask(secured).body)["HTTPS"] == "on"


def test_plain_http_is_told_where_it_is(site: Site) -> None:
    with socket.create_connection(("127.0.0.1", site.port), timeout=DEADLINE) as sock:
        reply = ask(sock)
        assert reply.status == 400
        assert b"https://" in reply.body
        assert sock.recv(1) == b""


def test_handshakes_that_stall_hold_nobody_up(tmp_path: Path) -> None:
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"
    with serving(tmp_path, "--connections=20") as site, ExitStack() as stack:
        before = descriptor_count(site.server.pid)
        log = site.server.log
        for number in range(60):
            sock = stack.enter_context(
                socket.create_connection(("127.0.0.1", site.port), timeout=DEADLINE)
            )
            sock.sendall(hello[: number % len(hello)])
            if number % 20 == 0:
                with site.authority.connect(site.port) as good:
                    assert ask(good).status == 200
        with site.authority.connect(site.port) as good:
            assert ask(good).status == 200
        assert descriptor_count(site.server.pid) <= before + 21
        stack.close()
        wait_until(lambda: descriptor_count(site.server.pid) <= before)
        assert site.server.log == log


@pytest.mark.parametrize("processes", [1, 2])
def test_new_certificates_at_a_hang_up(tmp_path: Path, processes: int) -> None:
    """Connections go on; what can't be used changes nothing, and is one line."""
    with serving(tmp_path, f"--processes={processes}") as site, ExitStack() as stack:
        cert = tmp_path / "cert.pem"
        old = cert.read_text(encoding="ascii")
        any_name = site.authority.client_context()
        any_name.check_hostname = False

        def names() -> list[str]:
            with site.authority.connect(site.port, context=any_name) as sock:
                return names_of(sock)

        kept = [stack.enter_context(site.authority.connect(site.port)) for _ in range(10)]
        halfway = stack.enter_context(
            socket.create_connection(("127.0.0.1", site.port), timeout=DEADLINE)
        )
        assert {ask(sock).status for sock in kept} == {200}
        cert.write_text(old.replace("CERTIFICATE", "NOTHING"), encoding="ascii")
        site.server.process.send_signal(signal.SIGHUP)
        site.server.wait_for_log("the certificates from before stay in use")
        assert "a.example" in names()
        site.authority.certificate("new.example", file="cert.pem")
        site.server.process.send_signal(signal.SIGHUP)
        site.server.wait_for_log("the certificates were read again")
        for _ in range(10):  # every process
            wait_until(lambda: names() == ["new.example"])
        assert {ask(sock).status for sock in kept} == {200}
        with any_name.wrap_socket(halfway, server_hostname="x") as late:
            assert ask(late).status == 200
        assert site.server.log.count("stay in use") == 1


def run(*args: str) -> subprocess.CompletedProcess[str]:
    command = [program("ashd-htparser"), *args, "--", *HANDLER]
    return subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE, check=False)


def test_what_is_wrong_at_the_start(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    cert = authority.certificate("a.example")
    old = authority.issue("old.example", expires=datetime.now(UTC) - timedelta(days=1))
    old.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "old.pem"))
    missing = run(f"ssl:cert={tmp_path / 'missing.pem'}", f"ssl:cert={cert}")
    assert missing.returncode == 1
    assert missing.stderr.splitlines() == [
        f"ashd-htparser: {tmp_path / 'missing.pem'}: can't be read: No such file or directory"
    ]
    assert run("ssl:help").stdout.splitlines()[1].startswith("  cert=FILE ")
    with front_end(
        HANDLER, options=["--processes=2", f"ssl:port=0,cert={tmp_path / 'old.pem'}"]
    ) as server:
        server.wait_for_log("listening on")
        assert server.log.count(f"{tmp_path / 'old.pem'}: the certificate has expired on") == 1

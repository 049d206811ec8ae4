"""`scgi-wsgi` behind nginx and Apache: the same applications and expectations as `ashd-wsgi`."""

from __future__ import annotations

import hashlib
import os
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest

from ashdtest.frontend import front_end
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, children, descriptor_count, free_port, program, wait_until
from ashdtest.scgisites import scgi_program, scgi_site
from ashdtest.sites import APPS, SUPPORT, site

BODY = os.urandom(3_000_000)
DIGEST = f"{len(BODY)} {hashlib.sha256(BODY).hexdigest()}\n"
REQUESTS = [
    ("GET", "/hello", b""),
    ("HEAD", "/hello", b""),
    ("GET", "/counts_lines?3", b""),
    ("HEAD", "/counts_lines?3", b""),
    ("GET", f"/gives_file?{quote(__file__)}", b""),
    ("GET", "/gives_download?5000000", b""),
    ("GET", "/answers_status/204", b""),
    ("GET", "/answers_status/304", b""),
    ("GET", "/answers_status/418", b""),
    ("GET", "/gives_too_much?piece", b""),
    ("GET", "/uses_write", b""),
    ("GET", "/fails_early?ValueError", b""),
    ("POST", "/takes_upload", BODY),
    ("POST", "/takes_upload", b""),
    ("PUT", "/ignores_body", BODY),
]
WEB_SERVERS = [
    pytest.param(name, unix, options, id=f"{name} {' '.join(options)}", marks=needs(name))
    for name, unix, options in (
        ("nginx", False, ["-t", "pool"]),
        ("nginx", True, ["-t", "rplex"]),
        ("apache2", False, ["-t", "free", "-w", "2"]),
        ("apache2", True, ["-t", "single"]),
    )
]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that web servers can get at, with a short path."""
    with tempfile.TemporaryDirectory(prefix="ashd-scgi-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def ask(url: str) -> list[tuple[int, str | None, bytes]]:
    """Return status, type and body of the answers to all requests."""
    answers = []
    with httpx.Client(base_url=url, timeout=DEADLINE) as client:
        for method, target, body in REQUESTS:
            answer = client.request(method, target, content=body or None)
            answers.append((answer.status_code, answer.headers.get("Content-Type"), answer.content))
    return answers


@pytest.fixture(scope="module")
def expected() -> list[tuple[int, str | None, bytes]]:
    with site("zoo", model="pool") as server:
        return ask(server.url)


@pytest.mark.parametrize(("name", "unix", "options"), WEB_SERVERS)
def test_answers_are_those_of_ashd_wsgi(
    name: str,
    unix: bool,
    options: list[str],
    folder: Path,
    expected: list[tuple[int, str | None, bytes]],
) -> None:
    with scgi_site(name, [*options, "zoo"], folder, unix=unix) as server:
        for request, answer, wanted in zip(REQUESTS, ask(server.url), expected, strict=True):
            assert answer == wanted, request[:2]


@pytest.mark.parametrize(
    "caller",
    [
        pytest.param(["callscgi"], marks=needs("callscgi")),
        pytest.param(["callscgi", "multifscgi", "2"], marks=needs("callscgi", "multifscgi")),
    ],
    ids=" ".join,
)
def test_below_the_programs_of_ashd(
    caller: list[str], expected: list[tuple[int, str | None, bytes]]
) -> None:
    """They start `scgi-wsgi` with the listening socket as its standard input."""
    options = ["-t", "pool", "-p", str(SUPPORT), "-p", str(APPS), "-A", "zoo"]
    with front_end([*caller, program("scgi-wsgi"), *options], status=None) as server:
        for request, answer, wanted in zip(REQUESTS, ask(server.url), expected, strict=True):
            assert answer == wanted, request[:2]


@needs("nginx")
def test_where_the_application_lives(folder: Path) -> None:
    with scgi_site("nginx", ["-t", "single", "flask_site"], folder) as server:
        assert httpx.get(f"{server.url}/app/").text == "Hello, stranger!"
        assert httpx.get(f"{server.url}/").text == "Hello, stranger!"


@needs("nginx")
def test_requests_get_ids_and_lines_in_the_access_log(folder: Path) -> None:
    log = folder / "access"
    options = [
        "--request-id",
        f"--access-log={log}",
        "--access-log-format={client} {line} {request_id}",
    ]
    with scgi_site("nginx", ["-t", "pool", *options, "shows_environ"], folder) as server:
        forged = {"X-Ash-Request-ID": "forged"}
        environ = httpx.get(f"{server.url}/a?b", headers=forged).json()
        assert len(environ["HTTP_X_ASH_REQUEST_ID"]) == 32
        line = f"127.0.0.1 GET /a?b HTTP/1.1 {environ['HTTP_X_ASH_REQUEST_ID']}\n"
        wait_until(lambda: log.read_text() == line, what=line)


def test_requests_that_were_taken_are_answered_before_the_end(folder: Path) -> None:
    """Also those that wait for a thread when the signal comes."""
    gate = folder / "gate"
    for options in (["-t", "single"], ["-t", "single", "-w", "1"]):
        words = ["--bind", f"unix:{folder}/s", *options, "waits_for_gate"]
        with scgi_program(words, folder) as process:
            clients = [connect(folder, f"/?{gate}") for _ in range(3)]
            assert clients[0].recv(1 << 16).startswith(b"Status: 200 OK\r\n")
            process.terminate()
            wait_until(lambda: not (folder / "s").exists(), what="the listening socket's end")
            gate.touch()
            for client in clients:
                with client, client.makefile("rb") as answer:
                    assert answer.read().endswith(b"after\n")
            assert process.wait(DEADLINE) == 0
        gate.unlink()


def test_clients_that_send_no_request_cost_nothing(folder: Path) -> None:
    addresses = [f"unix:{folder}/s", f"127.0.0.1:{free_port()}", f"[::1]:{free_port()}"]
    words = [f"--bind={address}" for address in addresses]
    with scgi_program([*words, "-t", "single", "hello"], folder) as process:
        assert f"taking SCGI requests at {', '.join(addresses)}\n" in (folder / "log").read_text()
        before = descriptor_count(process.pid)
        silent = [connected(folder) for _ in range(20)]
        for position, client in enumerate(silent):
            client.sendall([b"", b"7", b"70:CONTENT_LENGTH"][position % 3])
        with connect(folder, "/") as good, good.makefile("rb") as answer:
            assert answer.read().endswith(b"Hello, world!\n")
        with connected(folder) as bad, bad.makefile("rb") as answer:
            bad.sendall(b"GET / HTTP/1.1\r\n\r\n")
            assert answer.read().startswith(b"Status: 400 Bad Request\r\n")
        for client in silent:
            client.close()
        wait_until(lambda: descriptor_count(process.pid) <= before, what="closed connections")


def test_a_body_that_is_cut_is_no_whole_one(folder: Path) -> None:
    words = ["--bind", f"unix:{folder}/s", "-t", "single", "meets_cut_body"]
    with scgi_program(words, folder) as process:
        with connected(folder) as client:
            client.sendall(head("/?all", length=10) + b"12345")
        log = folder / "log"
        wait_until(lambda: "all: cut" in log.read_text() or process.poll() is not None)


def test_standard_input_may_be_the_listening_socket(folder: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/s")
        listener.listen()
        command = [program("scgi-wsgi"), "-t", "single", "-A", "-p"]
        apps = str(Path(__file__).parent / "apps")
        process = subprocess.Popen([*command, apps, "hello"], stdin=listener.fileno())
    with connect(folder, "/") as client, client.makefile("rb") as answer:
        assert answer.read().endswith(b"Hello, world!\n")
    process.send_signal(signal.SIGTERM)
    assert process.wait(DEADLINE) == 0


def test_without_a_place_to_listen_it_says_so() -> None:
    command = [program("scgi-wsgi"), "hello:app"]
    ended = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    assert ended.returncode == 1
    assert b"scgi-wsgi --bind 127.0.0.1:4000 hello:app" in ended.stderr
    assert not children(os.getpid())


def head(url: str, *, length: int = 0) -> bytes:
    params = {
        "CONTENT_LENGTH": str(length),
        "SCGI": "1",
        "REQUEST_METHOD": "POST" if length else "GET",
        "REQUEST_URI": url,
        "QUERY_STRING": url.partition("?")[2],
        "SERVER_PROTOCOL": "HTTP/1.1",
    }
    block = b"".join(f"{name}\0{value}\0".encode() for name, value in params.items())
    return b"%d:%b," % (len(block), block)


def connected(folder: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(DEADLINE)
    client.connect(f"{folder}/s")
    return client


def connect(folder: Path, url: str) -> socket.socket:
    """Send a request; return the connection."""
    client = connected(folder)
    client.sendall(head(url))
    return client

"""All applications of these tests under the validator of the standard library."""

from __future__ import annotations

import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

from ashdtest.cases import about
from ashdtest.handlers import Handler, read_all, running
from ashdtest.processes import DEADLINE, program
from ashdtest.scgisites import scgi_program
from ashdtest.sites import APPS, SUPPORT
from ashdtest.wsgiprograms import MODEL_OPTIONS, wait_for_log, wsgi

HERE = quote(__file__)
BODY = b"one\ntwo\nthree"
FORM = urlencode({"name": "Zo\xeb"}).encode()

Answer = tuple[int, bytes]
"""Status and body."""

Ask = Callable[[str, str, bytes], Answer]
"""Sends a request (method, target, body), and returns the answer."""

REQUESTS: list[tuple[str, bytes, int]] = [
    ("/hello?a=b", b"", 200),
    ("/answers_status/404", b"", 404),
    ("/answers_status/204", b"", 204),
    ("/answers_status/304", b"", 304),
    ("/breaks_off?write", b"", 200),
    ("/breaks_off?generator", b"", 200),
    ("/breaks_off?file", b"", 200),
    ("/counts_lines?3", b"", 200),
    ("/fails_early?ValueError", b"", 500),
    ("/fails_early?SystemExit", b"", 500),
    ("/fails_late", b"", 200),
    ("/fails_late?100", b"", 200),
    (f"/gives_file?{HERE}", b"", 200),
    ("/gives_download?300000", b"", 200),
    ("/gives_too_little", b"", 200),
    ("/gives_too_much?piece", b"", 200),
    ("/gives_too_much?pieces", b"", 200),
    ("/hints", b"", 200),
    ("/ignores_body", BODY, 413),
    ("/meets_cut_body?blocks", BODY, 200),
    ("/meets_cut_body?lines", BODY, 200),
    ("/meets_cut_body?readline", BODY, 200),
    ("/shows_environ", b"", 200),
    ("/takes_upload", BODY, 200),
    ("/takes_upload", b"", 200),
    ("/tls", b"", 200),
    ("/tls", BODY, 200),
    ("/tls/download?2", b"", 200),
    ("/uses_write", b"", 200),
    (f"/waits_for_gate?{HERE}", b"", 200),
    ("/writes_before_reading?1", BODY, 200),
]
"""Target, body, and status."""

SITES: list[tuple[str, bytes, int]] = [
    ("/flask_site/", b"", 200),
    ("/flask_site/file", b"", 200),
    (f"/flask_site/stream?gate={HERE}", b"", 200),
    ("/flask_site/forbidden", b"", 403),
    ("/flask_site/broken", b"", 500),
    ("/flask_site/nowhere", b"", 404),
    ("/sockets/offered", b"", 200),
    ("/flask_sockets/nowhere", b"", 404),
    ("/traced_app/users/3", b"", 200),
    ("/traced_app/stream", b"", 200),
    ("/bottle_site/hello/Zo%C3%AB", b"", 200),
    ("/bottle_site/form", FORM, 200),
    ("/bottle_site/file", b"", 200),
    ("/bottle_site/lines/3", b"", 200),
]
"""Flask gets no form: it calls `read()`, which PEP 3333 allows, and the validator does not."""

PROXIED = [("/proxied_site/plain", b"", 200), ("/proxied_site/old", b"", 302)]
SUSPENDED = [("/suspends/timer", b"", 200), ("/suspends/upload", BODY, 200)]
ADMIN = [("/django_site/admin/login/", b"", 200), ("/django_site/admin/login/", FORM, 403)]
"""Two sites of Django can't share a process, and only `rplex` suspends responses."""

ENDLESS = "/never_ends"
DISPATCHERS = {"checked", "zoo"}


def called(handler: Handler) -> Ask:
    def ask(method: str, target: str, body: bytes) -> Answer:
        headers = [
            (b"Host", b"127.0.0.1"),
            (b"X-Ash-Address", b"192.0.2.1"),
            (b"X-Forwarded-Proto", b"https"),
        ]
        if body:
            headers += [
                (b"Content-Type", b"application/x-www-form-urlencoded"),
                (b"Content-Length", b"%d" % len(body)),
            ]
        response = handler.call(target.encode(), method=method.encode(), headers=headers, body=body)
        return response.status, response.body

    return ask


def over_scgi(address: Path) -> Ask:
    def ask(method: str, target: str, body: bytes) -> Answer:
        params = {
            "CONTENT_LENGTH": str(len(body)),
            "SCGI": "1",
            "REQUEST_METHOD": method,
            "REQUEST_URI": target,
            "SERVER_PROTOCOL": "HTTP/1.1",
            "CONTENT_TYPE": "application/x-www-form-urlencoded" if body else "",
            "HTTP_HOST": "127.0.0.1",
            "HTTP_X_FORWARDED_PROTO": "https",
            "REMOTE_ADDR": "192.0.2.1",
        }
        head = "".join(f"{name}\0{value}\0" for name, value in params.items()).encode()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(DEADLINE)
            sock.connect(str(address))
            sock.sendall(b"%d:%b,%b" % (len(head), head, body))
            first, _, answer = read_all(sock).partition(b"\r\n\r\n")
        return int(first.split()[1]), answer

    return ask


@contextmanager
def ashd_wsgi(words: Sequence[str], folder: Path) -> Iterator[Ask]:
    argv = [program("ashd-wsgi"), "-p", str(SUPPORT), "-p", str(APPS), "-A", *words]
    with running(argv) as handler:
        yield called(handler)
    (folder / "log").write_text(handler.log)


@contextmanager
def scgi_wsgi(words: Sequence[str], folder: Path) -> Iterator[Ask]:
    with scgi_program(["--bind", f"unix:{folder}/sock", *words], folder):
        yield over_scgi(folder / "sock")


Program = Callable[[Sequence[str], Path], AbstractContextManager[Ask]]
PROGRAMS = [ashd_wsgi, scgi_wsgi]
"""Each serves the module that the last word names, for the length of a block, and leaves its log in
the folder."""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ashd-") as name:
        yield Path(name)


def try_all(ask: Ask, requests: list[tuple[str, bytes, int]]) -> None:
    for target, body, status in requests:
        with about(target):
            assert ask("POST" if body else "GET", target, body)[0] == status
            assert body or ask("HEAD", target, b"")[0] in (status, 405)


def complaints(folder: Path) -> list[str]:
    """Return what the validator said: by an exception, by a warning, and when nothing closes."""
    words = ("AssertionError", "WSGIWarning", "garbage collected")
    lines = (folder / "log").read_text("utf-8", "replace").splitlines()
    return [line for line in lines if any(word in line for word in words)]


def test_no_application_is_left_out() -> None:
    targets = [target for target, _, _ in REQUESTS + SITES + PROXIED + SUSPENDED + ADMIN]
    tried = {target.split("/")[1].partition("?")[0] for target in [*targets, ENDLESS]}
    assert tried | DISPATCHERS == {path.stem for path in APPS.glob("*.py")}


@pytest.mark.parametrize("serve", PROGRAMS)
@pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)
def test_plain_applications(serve: Program, options: Sequence[str], folder: Path) -> None:
    with serve([*options, "checked"], folder) as ask:
        try_all(ask, REQUESTS)
        assert ask("GET", "/hello", b"") == (200, b"Hello, world!\n")
    assert complaints(folder) == []


@pytest.mark.parametrize(
    ("serve", "options", "requests"),
    [(ashd_wsgi, ["-t", "rplex"], PROXIED + SUSPENDED), (scgi_wsgi, ["-t", "pool"], ADMIN)],
)
def test_frameworks(
    serve: Program,
    options: Sequence[str],
    requests: list[tuple[str, bytes, int]],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("flask", "flask_sock", "wsproto", "bottle", "django", "opentelemetry.trace"):
        pytest.importorskip(module)
    monkeypatch.setenv("DJANGO_SITE_DATABASE", str(folder / "database"))
    with serve([*options, "checked"], folder) as ask:
        try_all(ask, SITES + requests)
    assert complaints(folder) == []


@pytest.mark.parametrize("options", MODEL_OPTIONS, ids=" ".join)
def test_a_client_that_goes_away(options: Sequence[str]) -> None:
    with wsgi("checked", *options, "-p", str(SUPPORT), apps=APPS) as handler:
        with handler.open(ENDLESS.encode()) as client:
            client.recv(1)
        wait_for_log(handler, "closed: 1")
    assert "garbage collected" not in handler.log

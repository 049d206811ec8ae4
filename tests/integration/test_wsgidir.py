"""The whole way: front end, dirplex, ashd-wsgi, ashd.wsgidir, and the file."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from ashdtest import dirplexes, frontend
from ashdtest.frontend import FrontEnd, front_end
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, program, wait_until
from ashdtest.wsgifiles import answering, put

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples/wsgidir"

ENVIRONMENT = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}

PAIRS = [
    pytest.param((frontend.OURS, dirplexes.OURS), id="ours"),
    pytest.param(
        (frontend.REFERENCE, dirplexes.REFERENCE),
        id="reference",
        marks=needs(frontend.REFERENCE, dirplexes.REFERENCE),
    ),
]

CONFIG = """
index-file index
child wsgidir
  exec ashd-wsgi {options} ashd.wsgidir {arguments}
match
  filename *.wsgi
  handler wsgidir
match
  default
  xset python-handler static
  handler wsgidir
"""

ECHO = """
def application(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    names = ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "SCRIPT_FILENAME")
    yield "\\n".join(environ[name] for name in names).encode()
    yield b"\\n" + body
"""


@dataclass(frozen=True, slots=True)
class Got:
    """A response, as a client sees it."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


def get(
    server: FrontEnd,
    path: str,
    *,
    method: str = "GET",
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Got:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=DEADLINE)
    with closing(connection):
        connection.request(method, path, body, dict(headers or {}))
        response = connection.getresponse()
        return Got(response.status, response.headers, response.read())


class Site:
    """A directory to be served, by one pair of programs."""

    def __init__(self, directory: Path, pair: tuple[str, str]) -> None:
        self.root = directory / "site"
        self.root.mkdir()
        self._pair = pair

    def serve(self, config: str = "", **fields: str) -> AbstractContextManager[FrontEnd]:
        file = self.root.with_name("site.rc")
        file.write_text((config or CONFIG).format(**{"options": "", "arguments": "", **fields}))
        return serve(self._pair, self.root, file)


def serve(pair: tuple[str, str], root: Path, config: Path) -> AbstractContextManager[FrontEnd]:
    command = [dirplexes.dirplex_command(pair[1]), "-N", "-c", str(config), str(root)]
    return front_end(command, name=pair[0], env=ENVIRONMENT)


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest) -> tuple[str, str]:
    chosen: tuple[str, str] = request.param
    return chosen


@pytest.fixture
def site(tmp_path: Path, pair: tuple[str, str]) -> Site:
    return Site(tmp_path, pair)


@pytest.mark.parametrize("model", ["free", "rplex", "single", "pool"])
def test_an_application(site: Site, model: str) -> None:
    put(site.root / "echo.wsgi", ECHO)
    with site.serve(options=f"-t {model}") as server:
        got = get(
            server,
            "/echo/a%20b?c=d",
            method="POST",
            body=b"body",
            headers={"Content-Type": "text/plain"},
        )
    assert got.status == 200
    file = str(site.root / "echo.wsgi")
    assert got.body.decode().split("\n") == ["/echo", "/a b", "c=d", file, "body"]


def test_an_edit_is_served_by_the_next_request(site: Site) -> None:
    path = put(site.root / "a.wsgi", answering(b"one"))
    with site.serve() as server:
        assert get(server, "/a").body == b"one"
        put(path, answering(b"two"))
        assert get(server, "/a").body == b"two"
        put(path, "def application(environ, start_response):\n    return [undefined\n")
        assert get(server, "/a").body == b"two"
        assert get(server, "/a").body == b"two"
        wait_until(lambda: "SyntaxError: '[' was never closed" in server.log)
        assert server.log.count("SyntaxError") == 2  # the first line, and the traceback's last
        assert f'File "{path}", line 2' in server.log
        put(path, answering(b"three"))
        assert get(server, "/a").body == b"three"


def test_exceptions_are_logged_with_the_files_lines(site: Site) -> None:
    text = "def application(environ, start_response):\n    return 1 / 0  # here\n"
    path = put(site.root / "a.wsgi", text)
    with site.serve() as server:
        got = get(server, "/a")
        assert got.status == 500
        assert b"here" not in got.body
        wait_until(lambda: "return 1 / 0  # here" in server.log)
        assert f'File "{path}", line 2, in application' in server.log


def test_tracebacks_in_the_browser(site: Site) -> None:
    text = "def application(environ, start_response):\n    return 1 / 0  # <here>\n"
    put(site.root / "a.wsgi", text)
    put(site.root / "b.wsgi", "undefined  # <here>\n")
    with site.serve(arguments="-D") as server:
        for url in ("/a", "/b"):
            got = get(server, url)
            assert got.status == 500
            assert b"# &lt;here&gt;" in got.body


@pytest.mark.parametrize("name", ["X-Ash-Python-Handler", "X_Ash_Python_Handler"])
@pytest.mark.parametrize("value", ["static", "wsgiref.simple_server.demo_app"])
def test_a_client_cannot_name_a_handler(site: Site, name: str, value: str) -> None:
    put(site.root / "a.wsgi", answering(b"served"))
    with site.serve() as server:
        assert get(server, "/a", headers={name: value}).body == b"served"


@pytest.mark.parametrize("name", ["X-Ash-File", "X_Ash_File"])
def test_a_client_cannot_name_a_file(site: Site, name: str) -> None:
    path = put(site.root / "a.wsgi", ECHO)
    with site.serve() as server:
        assert str(path).encode() in get(server, "/a", headers={name: "/etc/passwd"}).body


def test_static_files(site: Site) -> None:
    (site.root / "large.bin").write_bytes(os.urandom(3_000_000))
    (site.root / "sub").mkdir()
    put(site.root / "sub/index.html", "an index")
    with site.serve() as server:
        got = get(server, "/large.bin")
        assert got.body == (site.root / "large.bin").read_bytes()
        since = {"If-Modified-Since": got.headers["Last-Modified"]}
        assert get(server, "/large.bin", headers=since).status == 304
        head = get(server, "/large.bin", method="HEAD")
        assert (head.body, head.headers["Content-Length"]) == (b"", "3000000")
        assert get(server, "/sub/").body == b"an index"
        moved = get(server, "/sub")
        assert (moved.status, moved.headers["Location"].endswith("/sub/")) == (301, True)
        assert get(server, "/large.bin/below").status == 404
        assert get(server, "/missing").status == 404


def test_a_directory_with_a_child_of_its_own(site: Site) -> None:
    own = site.root / "own"
    (own / "deep").mkdir(parents=True)
    put(own / "deep/a.x", "text of a")
    put(
        own / ".htrc",
        "child mine\n exec ashd-wsgi ashd.wsgidir .x=static\nmatch\n filename *.x\n handler mine\n",
    )
    with site.serve() as server:
        assert get(server, "/own/deep/a").body == b"text of a"


def test_a_handler_of_ones_own_beside_the_files(site: Site, tmp_path: Path) -> None:
    code = tmp_path / "code"
    code.mkdir()
    (code / "shouting.py").write_text(
        "from ashd.wsgidir import getmod\n"
        "def handler(environ, start_response):\n"
        "    start_response('200 OK', [('Content-Type', 'text/plain')])\n"
        "    return [getmod(environ['SCRIPT_FILENAME']).mod.text.upper().encode()]\n"
    )
    put(site.root / "a.shout", "text = 'quiet'\n")
    config = CONFIG + "match\n filename *.shout\n xset python-handler shouting.handler\n"
    config += " handler wsgidir\n"
    with site.serve(config, options=f"-p {code}") as server:
        assert get(server, "/a").body == b"QUIET"
    with site.serve(config, options=f"-p {code}", arguments="-M other") as server:
        assert get(server, "/a").status == 500
        wait_until(lambda: "module 'shouting' is not allowed; the option -M" in server.log)


def test_the_example(pair: tuple[str, str], tmp_path: Path) -> None:
    copy = tmp_path / "example"
    shutil.copytree(EXAMPLE, copy)
    with serve(pair, copy / "site", copy / "site.rc") as server:
        index = get(server, "/").body
        for name in (b"clock.wsgi", b"notes.wsgi", b"about.html", b"robots.txt"):
            assert b'<a href="%s">' % name in index
        assert b"layout" not in index
        assert b"Hello, you!" in get(server, "/clock/you").body
        assert get(server, "/about").headers["Content-Type"] == "text/html; charset=utf-8"
        assert get(server, "/style.css").headers["Content-Type"] == "text/css; charset=utf-8"
        assert get(server, "/layout.pyl").status == 404
        clock = (copy / "site/clock.wsgi").read_text()
        put(copy / "site/clock.wsgi", clock.replace('"Hello"', '"Goodbye"'))
        assert b"Goodbye, world!" in get(server, "/clock").body


def test_the_examples_flask_application(pair: tuple[str, str]) -> None:
    pytest.importorskip("flask", reason="Flask is not installed")
    with serve(pair, EXAMPLE / "site", EXAMPLE / "site.rc") as server:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        posted = get(server, "/notes/", method="POST", body=b"note=%3Cb%3E", headers=form)
        assert posted.status == 302
        assert b"&lt;b&gt;" in get(server, "/notes/").body
        assert get(server, "/notes/0").body.strip() == b'{"note":"<b>"}'
        assert get(server, "/notes/1").status == 404


def test_the_example_without_flask(tmp_path: Path) -> None:
    (tmp_path / "flask.py").write_text("raise ImportError\n")
    (tmp_path / "site.rc").write_text(
        (EXAMPLE / "site.rc").read_text().replace("ashd-wsgi", f"ashd-wsgi -p {tmp_path}")
    )
    pair = (frontend.OURS, dirplexes.OURS)
    with serve(pair, EXAMPLE / "site", tmp_path / "site.rc") as server:
        got = get(server, "/notes")
        assert got.status == 503
        assert b"pip install flask" in got.body
        assert get(server, "/clock").status == 200


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["-x"], "option -x not recognized"),
        ([".wsgi"], "'.wsgi' is not of the form .EXT=HANDLER"),
        ([".x=nowhere.handler"], "'nowhere' can't be imported"),
    ],
)
def test_wrong_arguments_end_the_start(arguments: list[str], complaint: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        done = subprocess.run(
            [program("ashd-wsgi"), "ashd.wsgidir", *arguments],
            check=False,
            stdin=theirs.fileno(),
            stderr=subprocess.PIPE,
            text=True,
            timeout=60,
        )
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ashd-wsgi: ")
    assert complaint in last

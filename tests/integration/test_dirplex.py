"""dirplex as a process, driven as a front end would: ours, and the reference one if it is here."""

from __future__ import annotations

import os
import resource
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import partial
from importlib.metadata import version
from pathlib import Path
from urllib.parse import unquote, urljoin

import pytest

from ashd.proto import Request, send_request
from ashd.util import parse_response
from ashdtest.dirplexes import DIRPLEXES, OURS, Echo, echo, serving
from ashdtest.handlers import Handler, read_all, running
from ashdtest.processes import (
    children,
    descriptor_count,
    descriptors,
    exists,
    program,
    state,
    thread_count,
    wait_until,
)
from ashdtest.wsgifiles import OLD

Serving = Callable[..., AbstractContextManager[Handler]]

MATCH_ALL = "\nmatch\n  default\n  handler all\nmatch directory\n  default\n  handler all\n"
ALL = f"child all\n  {echo('all')}\n{MATCH_ALL}"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    for name in (
        "page.html",
        "a.txt",
        "sub/index.html",
        "sub/deep/x.txt",
        "empty/.keep",
        ".secret",
    ):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return root


@pytest.fixture(params=DIRPLEXES)
def serve(request: pytest.FixtureRequest, root: Path) -> Serving:
    return partial(serving, root, name=request.param)


def open_without_body(handler: Handler, url: bytes) -> socket.socket:
    sock = handler.open(url)
    sock.shutdown(socket.SHUT_WR)
    return sock


def write(path: Path, text: str) -> None:
    """Put a new version of a file in its place at once."""
    path.with_name("new~").write_text(text)
    path.with_name("new~").rename(path)


@pytest.mark.parametrize(
    ("url", "file", "rest"),
    [
        (b"/a.txt", "a.txt", b""),
        (b"/a", "a.txt", b""),
        (b"/a/more/%2f?query", "a.txt", b"/more/%2f"),
        (b"/a.txt/", "a.txt", b"/"),
        (b"/sub/", "sub/index.html", b""),
        (b"/sub/deep/%78.txt", "sub/deep/x.txt", b""),
        (b"/sub/deep/", "sub/deep", b""),
        (b"/", ".", b""),
    ],
)
def test_files(serve: Serving, url: bytes, file: str, rest: bytes) -> None:
    with serve("index-file index\n" + ALL) as handler:
        got = Echo.of(handler.call(url))
    assert os.path.normpath(got.headers["X-Ash-File"]) == file
    assert got.rest == rest


@pytest.mark.parametrize(
    "url",
    b"/b /b.txt /.secret /%2esecret /sub//x //a.txt /.. /sub/../a.txt /sub%2findex.html"
    b" /sub/.%2e/a.txt /.htrc".split(),
)
def test_nothing_there(serve: Serving, url: bytes) -> None:
    with serve(ALL) as handler:
        response = handler.call(url)
    assert response.status == 404
    assert (response.get(b"Content-Type") or b"").startswith(b"text/html")


def test_a_name_with_a_nul_is_not_cut_there(root: Path) -> None:
    with serving(root, ALL) as handler:
        assert handler.call(b"/a%00").status == 404


@pytest.mark.parametrize("url", [b"/%zz", b"/sub/a%4"])
def test_what_is_not_an_escape(serve: Serving, url: bytes) -> None:
    with serve(ALL) as handler:
        assert handler.call(url).status == 400


def test_files_that_no_stanza_takes(serve: Serving) -> None:
    with serve(f"child all\n {echo('all')}\nmatch\n filename *.txt\n handler all\n") as handler:
        assert handler.call(b"/a").status == 200
        assert handler.call(b"/page").status == 404
        assert handler.call(b"/").status == 403


def test_the_log_tells_what_no_stanza_takes(root: Path) -> None:
    with serving(root, "child all\n exec true\n") as handler:
        for _ in range(3):
            assert handler.call(b"/page").status == 404
            assert handler.call(b"/sub/").status == 403
        page, directory = handler.log.splitlines()
    assert "]: ashd.dirplex: WARNING: page.html is not served" in page
    assert page.endswith("since no stanza holds for it; add one: match")
    assert " sub is not served" in directory
    assert directory.endswith("; add one: match directory")


def test_no_page_repeats_much_of_what_the_client_sent(root: Path) -> None:
    with serving(root, ALL) as handler:
        response = handler.call(b"/sub?" + b"<" * 5_000)
        assert response.status == 301
        assert len(response.body) < 2_000
        assert len(response.get(b"Location") or b"") > 15_000
        assert handler.call(b"/sub?" + b"<" * 30_000).status == 414


def test_clients_that_do_not_read_stop_nobody(root: Path) -> None:
    with serving(root, ALL) as handler:
        slow = [handler.open(b"/sub?" + b"<" * 5_000) for _ in range(20)]
        full, theirs = socket.socketpair()
        full.settimeout(20)
        with theirs:
            theirs.setblocking(False)
            before = fill(theirs)
            with Request(b"GET", b"/x", b"HTTP/1.1", b"x", [], os.dup(theirs.fileno())) as request:
                send_request(handler.socket, request)
        assert Echo.of(handler.call(b"/a")).name == "all"
        assert parse_response(read_all(full)[before:]).status == 404
        for sock in slow:
            assert parse_response(read_all(sock)).status == 301


def fill(sock: socket.socket) -> int:
    """Write until the socket takes no more; return how many bytes it took."""
    size = 0
    while True:
        try:
            size += sock.send(b"x" * 65536)
        except BlockingIOError:
            return size


@pytest.mark.parametrize(
    ("url", "target"),
    [(b"/sub", b"/sub/"), (b"/sub/deep?a=b/c", b"/sub/deep/?a=b/c"), (b"/s%75b", b"/sub/")],
)
def test_a_directory_without_its_slash(serve: Serving, url: bytes, target: bytes) -> None:
    headers = [(b"Host", b"example.org"), (b"X-Ash-Protocol", b"http")]
    with serve(ALL) as handler:
        response = handler.call(url, headers=headers)
    assert response.status == 301
    location = response.get(b"Location")
    assert location is not None
    absolute = urljoin("http://example.org/", location.decode())
    assert unquote(absolute) == "http://example.org" + target.decode()


def test_a_redirect_never_leads_to_another_host(root: Path) -> None:
    with serving(root, ALL) as handler:
        for prefix in (b"//evil.example", b"/\\evil.example", b"///evil.example"):
            response = handler.call(prefix + b"/sub", rest=b"sub")
            location = response.get(b"Location")
            assert location is not None
            assert urljoin("http://here/", location.decode()).startswith("http://here/")


def test_headers_are_set(serve: Serving) -> None:
    config = ALL + (
        'match\n filename *.txt\n handler all\n set X-Own "some value"\n'
        " xset python-handler chain\n"
    )
    sent = [(b"X-Own", b"theirs"), (b"X-Other", b"kept"), (b"X-Ash-File", b"/etc/passwd")]
    with serve(config) as handler:
        got = Echo.of(handler.call(b"/a", headers=sent)).headers
    lower = {name.lower(): value for name, value in got.items()}
    assert lower["x-own"] == "some value"
    assert lower["x-ash-python-handler"] == "chain"
    assert lower["x-other"] == "kept"
    assert os.path.normpath(lower["x-ash-file"]) == "a.txt"


def test_bodies_go_to_the_handler(serve: Serving) -> None:
    with serve(ALL) as handler:
        assert (
            Echo.of(handler.call(b"/a", method=b"POST", body=b"x" * 50_000)).body == b"x" * 50_000
        )


def test_a_child_is_started_once_and_in_the_root(serve: Serving, root: Path) -> None:
    with serve(ALL) as handler:
        first, second = (Echo.of(handler.call(b"/sub/deep/x")) for _ in range(2))
    assert first.pid == second.pid
    assert first.cwd == str(root)
    wait_until(lambda: not exists(first.pid))


def test_a_child_that_died_is_started_again(serve: Serving) -> None:
    with serve(ALL) as handler:
        first = Echo.of(handler.call(b"/a"))
        os.kill(first.pid, signal.SIGKILL)
        wait_until(lambda: state(first.pid) in ("", "Z"))
        assert Echo.of(handler.call(b"/a")).pid != first.pid


def test_transient_children(serve: Serving, root: Path) -> None:
    script = root.with_name("cgi.sh")
    script.write_text(
        '#!/bin/sh\nread body\nprintf "HTTP/1.1 200 OK\\n\\n"\n'
        'echo "$* $REQ_X_ASH_FILE $REQ_X_OWN $HTTP_VERSION $(pwd) $body"\n'
    )
    script.chmod(stat.S_IRWXU)
    config = (
        f"fchild cgi\n exec {script} first\nmatch\n filename *.txt\n handler cgi\n set X-Own own\n"
        f"match\n filename *.html\n fork {script} second\n"
    )
    with serve(config) as handler:
        named = handler.call(b"/a/rest?q", method=b"POST", body=b"body\n")
        forked = handler.call(b"/page.html")
        wait_until(lambda: not children(handler.pid))
    words = named.body.decode().split()
    assert words[:4] == ["first", "POST", "/a/rest?q", "/rest"]
    assert [os.path.normpath(words[4]), *words[5:]] == [
        "a.txt",
        "own",
        "HTTP/1.1",
        str(root),
        "body",
    ]
    assert forked.body.decode().split()[:3] == ["second", "GET", "/page.html"]


def test_a_handler_that_is_not_declared(serve: Serving) -> None:
    with serve("match\n default\n handler missing\n") as handler:
        assert handler.call(b"/a").status == 500
        assert handler.call(b"/a").status == 500
        assert "missing" in handler.log


@pytest.mark.parametrize("kind", ["child", "fchild"])
def test_a_program_that_is_not_there(root: Path, kind: str) -> None:
    config = f"{kind} x\n exec no-such-program\nmatch\n filename *.txt\n handler x\n{ALL}"
    with serving(root, config) as handler:
        for _ in range(2):
            assert handler.call(b"/a").status == 500
        assert "no-such-program can't be started" in handler.log
        assert handler.call(b"/page").status == 200


def test_not_found_stanzas(serve: Serving) -> None:
    config = (
        f"child lost\n {echo('lost')}\nchild all\n {echo('all')}\n"
        "match notfound\n filename *.html\n handler all\n"
        "match notfound\n default\n handler lost\n"
    )
    with serve(config) as handler:
        for url, name, file in [
            (b"/sub/missing/x", "lost", "sub/"),
            (b"/missing", "lost", "./"),
            (b"/page", "all", "page.html"),
        ]:
            got = Echo.of(handler.call(url))
            assert (got.name, got.rest) == (name, url.removeprefix(b"/"))
            assert got.headers["X-Ash-File"].removeprefix("./") == file.removeprefix("./")


def test_a_directorys_path_ends_in_a_slash(serve: Serving) -> None:
    with serve(ALL) as handler:
        for url, file in [(b"/sub/", "sub/"), (b"/", "")]:
            assert Echo.of(handler.call(url)).headers["X-Ash-File"].removeprefix("./") == file


def test_reparse_sets_headers_and_goes_on(serve: Serving) -> None:
    config = (
        f"child all\n {echo('all')}\nmatch\n filename *.txt\n reparse\n set X-Own text\n"
        "match\n all\n handler all\n set X-Own2 any\n"
    )
    with serve(config) as handler:
        text = Echo.of(handler.call(b"/a")).headers
        page = Echo.of(handler.call(b"/page")).headers
    assert (text["X-Own"], text["X-Own2"]) == ("text", "any")
    assert ("X-Own" in page, page["X-Own2"]) == (False, "any")


def test_what_is_left_out_of_a_configuration_is_told(serve: Serving) -> None:
    with serve(f"nonsense x\ninclude missing.rc\nindex-file index\n a\n{ALL}") as handler:
        assert Echo.of(handler.call(b"/sub/")).headers["X-Ash-File"].endswith("index.html")
        assert "nonsense" in handler.log


def test_a_not_found_handler_of_ones_own(serve: Serving) -> None:
    config = f"child .notfound\n {echo('mine')}\nmatch\n filename *.txt\n handler .notfound\n"
    with serve(config) as handler:
        for url in (b"/missing", b"/a", b"/page"):
            assert Echo.of(handler.call(url)).name == "mine"


def test_the_built_in_not_found_handler_can_be_named(serve: Serving) -> None:
    with serve(ALL + "match\n filename *.txt\n handler .notfound\n") as handler:
        assert handler.call(b"/a").status == 404
        assert handler.call(b"/page").status == 200


def test_a_directory_of_its_own_configuration(serve: Serving, root: Path) -> None:
    write(
        root / "sub/.htrc",
        f"child own\n {echo('own')}\nmatch\n pathname deep/*.txt\n handler own\n"
        f"match\n local\n filename *.html\n handler own\n",
    )
    with serve(ALL) as handler:
        got = Echo.of(handler.call(b"/sub/deep/x"))
        assert (got.name, got.cwd) == ("own", str(root / "sub"))
        assert (root / "sub" / got.headers["X-Ash-File"]).samefile(root / "sub/deep/x.txt")
        assert Echo.of(handler.call(b"/sub/index")).name == "own"
        assert Echo.of(handler.call(b"/a")).name == "all"


def test_nearer_handlers_of_the_same_name(serve: Serving, root: Path) -> None:
    write(root / "sub/.htrc", f"child all\n {echo('nearer')}\n")
    with serve(ALL) as handler:
        assert Echo.of(handler.call(b"/sub/deep/x")).name == "nearer"
        assert Echo.of(handler.call(b"/a")).name == "all"


def test_captures(serve: Serving, root: Path) -> None:
    write(root / "sub/.htrc", f"child own\n {echo('own')}\ncapture own\n")
    write(root / "empty/.htrc", "capture .notfound\n")
    with serve(ALL) as handler:
        for url, rest in [(b"/sub/", b""), (b"/sub/a//.b%2f", b"a//.b%2f")]:
            got = Echo.of(handler.call(url))
            assert (got.name, got.rest, got.cwd) == ("own", rest, str(root / "sub"))
        assert handler.call(b"/sub").status == 301
        assert handler.call(b"/empty/").status == 404


def test_a_capture_of_the_root(serve: Serving, root: Path) -> None:
    write(root / ".htrc", f"child own\n {echo('own')}\ncapture own\n")
    with serve(ALL) as handler:
        assert Echo.of(handler.call(b"/a")).name == "all"
    write(root / ".htrc", f"child own\n {echo('own')}\ncapture own D\n")
    with serve(ALL) as handler:
        got = Echo.of(handler.call(b"/a/b"))
        assert (got.name, got.rest) == ("own", b"a/b")


def test_dots_that_are_allowed(serve: Serving, root: Path) -> None:
    (root / ".well-known").mkdir()
    (root / ".well-known/x.txt").write_text("")
    write(root / "empty/.htrc", "dot-allow .keep\n")
    with serve("dot-allow .well-*\n" + ALL) as handler:
        assert handler.call(b"/.well-known/x").status == 200
        assert handler.call(b"/empty/.keep").status == 200
        assert handler.call(b"/.secret").status == 404
        assert handler.call(b"/empty/.htrc").status == 404


def test_includes(serve: Serving, root: Path) -> None:
    for name in ("a", "b"):
        root.with_name(f"{name}.inc").write_text(f"child {name}\n {echo(name)}\n")
    config = "include *.inc\nmatch\n filename *.txt\n handler a\nmatch\n default\n handler b\n"
    with serve(config) as handler:
        assert Echo.of(handler.call(b"/a")).name == "a"
        assert Echo.of(handler.call(b"/page")).name == "b"


def test_a_changed_configuration_is_read_again(root: Path) -> None:
    own = f"child own\n {echo('own')}\n"
    with serving(root, ALL) as handler:
        assert Echo.of(handler.call(b"/sub/deep/x")).name == "all"
        write(root / "sub/.htrc", own + "match\n default\n handler all\n")
        write(root / "sub/.htrc", own + "match\n filename *.txt\n handler own\n")
        first = Echo.of(handler.call(b"/sub/deep/x"))
        assert first.name == "own"
        write(root / "sub/.htrc", own + "match\n filename x.*\n handler own\n set A b\n")
        again = Echo.of(handler.call(b"/sub/deep/x"))
        assert (again.pid, again.headers["A"]) == (first.pid, "b")
        (root / "sub/.htrc").unlink()
        assert Echo.of(handler.call(b"/sub/deep/x")).name == "all"
        wait_until(lambda: not exists(first.pid), what="the end of the child that is gone")


def test_a_change_of_an_old_configuration_is_seen(root: Path) -> None:
    """It is known by its stamp alone, which a file of the same age doesn't share."""
    own = "match\n filename x.*\n handler all\n set A "
    with serving(root, ALL) as handler:
        for value in ("one", "two"):
            write(root / "sub/.htrc", own + value)
            os.utime(root / "sub/.htrc", (OLD, OLD))
            for _ in range(3):
                assert Echo.of(handler.call(b"/sub/deep/x")).headers["A"] == value


def test_a_changed_include_is_read_again(root: Path) -> None:
    write(root / "sub/more.inc", "match\n filename x.*\n handler all\n set A one\n")
    write(root / "sub/.htrc", "include more.inc\n")
    with serving(root, ALL) as handler:
        assert Echo.of(handler.call(b"/sub/deep/x")).headers["A"] == "one"
        write(root / "sub/more.inc", "match\n filename x.*\n handler all\n set A two\n")
        assert Echo.of(handler.call(b"/sub/deep/x")).headers["A"] == "two"


def test_a_changed_program_is_used_when_the_child_starts_anew(root: Path) -> None:
    write(root / ".htrc", f"child own\n {echo('one')}\nmatch\n default\n handler own\n")
    with serving(root) as handler:
        first = Echo.of(handler.call(b"/a"))
        write(root / ".htrc", f"child own\n {echo('two')}\nmatch\n default\n handler own\n")
        assert Echo.of(handler.call(b"/a")).pid == first.pid
        os.kill(first.pid, signal.SIGKILL)
        wait_until(lambda: state(first.pid) in ("", "Z"))
        assert Echo.of(handler.call(b"/a")).name == "two"


def test_an_unreadable_configuration_counts_once_it_can_be_read(root: Path) -> None:
    (root / "sub/.htrc").mkdir()
    with serving(root, ALL) as handler:
        assert Echo.of(handler.call(b"/sub/deep/x")).name == "all"
        assert "sub/.htrc: it can't be read" in handler.log
        (root / "sub/.htrc").rmdir()
        write(root / "sub/.htrc", f"child own\n {echo('own')}\nmatch\n default\n handler own\n")
        assert Echo.of(handler.call(b"/sub/deep/x")).name == "own"


def test_a_bad_configuration_of_a_directory_is_ignored(root: Path) -> None:
    write(root / "sub/.htrc", "match\n default\n")
    with serving(root, ALL) as handler:
        for _ in range(3):
            assert Echo.of(handler.call(b"/sub/deep/x")).name == "all"
        assert handler.log.count("sub/.htrc:1: match needs exactly one action") == 1
        write(root / "sub/.htrc", "typo\nmatch\n all\n reparse\n set A b\n")
        for _ in range(3):
            assert Echo.of(handler.call(b"/sub/deep/x")).headers["A"] == "b"
        assert handler.log.count("sub/.htrc:1: unknown directive 'typo'") == 1
        write(root / "sub/.htrc", f"child own\n {echo('own')}\nmatch\n default\n handler own\n")
        assert Echo.of(handler.call(b"/sub/deep/x")).name == "own"


def test_a_request_that_is_too_large_for_a_child(root: Path) -> None:
    with serving(root, ALL) as handler:
        handler.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        large = handler.call(b"/a", headers=[(b"A", b"x" * 300_000)])
        assert large.status == 431
        assert "can't be passed on" in handler.log
        assert handler.call(b"/a").status == 200


def test_a_request_while_there_are_no_descriptors(root: Path) -> None:
    with serving(root, ALL) as handler:
        assert handler.call(b"/a").status == 200
        taken = descriptors(handler.pid)
        free = min(set(range(len(taken) + 1)) - set(taken))
        limits = resource.prlimit(handler.pid, resource.RLIMIT_NOFILE)
        # enough for the response socket alone
        resource.prlimit(handler.pid, resource.RLIMIT_NOFILE, (free + 1, limits[1]))
        response = handler.call(b"/a")
        assert response.status == 503
        assert response.get(b"Retry-After")
        assert "can't be mapped: [Errno 24] Too many open files" in handler.log
        resource.prlimit(handler.pid, resource.RLIMIT_NOFILE, limits)
        assert handler.call(b"/a").status == 200


def test_a_child_that_takes_nothing_stops_nobody_else(root: Path) -> None:
    gate = root.with_name("gate")
    os.mkfifo(gate)
    config = f"child slow\n {echo('slow')} {gate}\nmatch\n filename *.txt\n handler slow\n{ALL}"
    waiting: list[socket.socket] = []
    with serving(root, config) as handler:
        waiting.append(open_without_body(handler, b"/a.txt"))
        assert Echo.of(handler.call(b"/page")).name == "all"
        threads = thread_count(handler.pid)
        refused = None
        while refused is None:
            assert len(waiting) < 2000
            sock = open_without_body(handler, b"/a.txt")
            assert Echo.of(handler.call(b"/page")).name == "all"
            sock.setblocking(False)
            try:
                sock.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                sock.settimeout(20)
                waiting.append(sock)
            else:
                refused = parse_response(read_all(sock))
        assert refused.status == 503
        assert int(refused.get(b"Retry-After") or 0) > 0
        assert len(waiting) > 256
        with gate.open("wb"):
            pass
        answers = [Echo.of(parse_response(read_all(sock))) for sock in waiting]
        assert {answer.name for answer in answers} == {"slow"}
        assert Echo.of(handler.call(b"/a.txt")).name == "slow"
        wait_until(lambda: thread_count(handler.pid) == threads)


def test_waiting_requests_leave_descriptors_for_others(root: Path) -> None:
    gate = root.with_name("gate")
    os.mkfifo(gate)
    config = f"child slow\n {echo('slow')} {gate}\nmatch\n filename *.txt\n handler slow\n{ALL}"
    root.with_name("low.rc").write_text(config)
    command = [program(OURS), "-N", "-c", str(root.with_name("low.rc")), str(root)]
    argv = ["sh", "-c", 'ulimit -n 40; exec "$@"', "sh", *command]
    with running(argv) as handler:
        waiting = [open_without_body(handler, b"/a.txt") for _ in range(400)]
        assert Echo.of(handler.call(b"/page")).name == "all"
        with gate.open("wb"):
            pass
        statuses = [parse_response(read_all(sock)).status for sock in waiting]
        assert set(statuses) == {200, 503}
        assert statuses.count(503) > 40


def test_what_waits_at_the_end_is_still_handed_over(root: Path) -> None:
    gate = root.with_name("gate")
    os.mkfifo(gate)
    config = f"child slow\n {echo('slow')} {gate}\nmatch\n filename *.txt\n handler slow\n"
    with serving(root, config) as handler:
        waiting = [open_without_body(handler, b"/a.txt") for _ in range(100)]
        handler.socket.close()
        with gate.open("wb"):
            pass
        assert {Echo.of(parse_response(read_all(sock))).name for sock in waiting} == {"slow"}


def test_no_descriptor_is_left(root: Path) -> None:
    config = ALL + "match\n filename *.html\n fork sh -c 'true'\n"
    config += "match\n filename none.*\n handler missing\n"
    with serving(root, config) as handler:
        for url in (b"/a", b"/missing", b"/sub"):
            handler.call(url)
        read_all(handler.open(b"/page"))
        wait_until(lambda: len(children(handler.pid)) == 1)
        before = descriptor_count(handler.pid)
        for _ in range(20):
            for url in (b"/a", b"/missing", b"/sub"):
                handler.call(url)
            read_all(handler.open(b"/page"))
        wait_until(lambda: descriptor_count(handler.pid) == before)


def test_the_global_configuration_is_found(root: Path) -> None:
    home = root.with_name("home")
    (home / ".ashd/etc").mkdir(parents=True)
    (home / "bin").mkdir()
    (home / "etc/ashd").mkdir(parents=True)
    (home / "etc/ashd/dirplex.rc").write_text(ALL.replace("echo.py all", "echo.py path"))
    (home / "etc/ashd/other").write_text(
        f"child nearer\n {echo('other')}\nmatch\n filename *.txt\n handler nearer\n"
    )
    env = {**os.environ, "HOME": str(home), "PATH": f"{home}/bin:{os.environ['PATH']}"}

    def names(*options: str) -> list[str | int]:
        with running_dirplex(root, *options, env=env) as handler:
            answers = [handler.call(url) for url in (b"/a", b"/page")]
        return [a.status if a.status != 200 else Echo.of(a).name for a in answers]

    assert names() == ["path", "path"]
    assert names("-N") == [404, 404]
    assert names("-c", "other") == ["other", "path"]
    assert names("-Nc", "other") == ["other", 404]
    (home / ".ashd/etc/dirplex.rc").write_text(ALL.replace("echo.py all", "echo.py home"))
    assert names() == ["home", "home"]


def running_dirplex(
    root: Path, *options: str, env: dict[str, str]
) -> AbstractContextManager[Handler]:
    return running([program("ashd-dirplex"), *options, str(root)], env=env)


@pytest.mark.parametrize(
    ("arguments", "status", "complaint"),
    [
        (["-c", "./bad.rc", "root"], 1, "bad.rc:2: this should be: exec PROGRAM [ARGS...]"),
        (["--strict", "-c", "./odd.rc", "root"], 1, "odd.rc:1: unknown directive 'odd'"),
        (["-c", "./none.rc", "root"], 1, "none.rc: it can't be read: No such file"),
        (["-c", "none.rc", "root"], 1, "there is no configuration none.rc in ~/.ashd/etc"),
        (["missing"], 1, "missing can't be served: No such file or directory"),
        (["bad.rc"], 1, "bad.rc can't be served: Not a directory"),
        ([], 2, "DIR"),
        (["-x", "root"], 2, "usage: ashd-dirplex"),
    ],
)
def test_a_start_that_fails(root: Path, arguments: list[str], status: int, complaint: str) -> None:
    root.with_name("bad.rc").write_text("child x\n exec\n")
    root.with_name("odd.rc").write_text("odd\n")
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        done = start("-N", *arguments, cwd=root.parent, stdin=theirs.fileno())
    assert done.returncode == status
    assert complaint in done.stderr
    assert "Traceback" not in done.stderr


def test_a_start_in_a_terminal(root: Path) -> None:
    done = start("-N", str(root), cwd=root, stdin=subprocess.DEVNULL)
    assert done.returncode == 1
    assert "ashd-htparser plain:port=8080 -- ashd-dirplex DIR" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_help(root: Path) -> None:
    done = start("-h", cwd=root, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert "usage: ashd-dirplex" in done.stdout


def test_version(root: Path) -> None:
    done = start("--version", cwd=root, stdin=subprocess.DEVNULL)
    assert done.returncode == 0
    assert done.stdout == f"ashd-dirplex {version('ashd-wsgidir')}\n"


def start(*arguments: str, cwd: Path, stdin: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, program("ashd-dirplex"), *arguments],
        check=False,
        cwd=cwd,
        stdin=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )

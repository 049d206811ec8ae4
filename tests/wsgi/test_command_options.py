"""The options of `ashd-wsgi`, and how it finds an application."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.builds import BUILD
from ashdtest.commands import HELLO, attempt, command, module
from ashdtest.handlers import running


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("name", ["ashd-wsgi", "ashd-wsgi3"])
def test_help(option: str, name: str) -> None:
    outcome = attempt(command(option, name=name), stdin=subprocess.DEVNULL)
    assert outcome.status == 0
    assert outcome.stderr == ""
    assert outcome.stdout.startswith(f"usage: {name} ")
    for letter in "hALptm":
        assert f"-{letter}, --" in outcome.stdout
    for parameter in ("max=N", "timeout=SECONDS", "abort"):
        assert parameter in outcome.stdout


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["-t", "pool:queue=5"], ["-t pool:queue=5: queue (requests wait in the socket) has no"]),
        (["-t", "pool:max=2,queue=5"], ["queue (requests wait in the socket) has no effect"]),
        (["-t", "free:max"], ["-t free:max: max without a number has no effect"]),
        (["-t", "free:max="], ["-t free:max=: max without a number has no effect"]),
        (["-t", "free:abort=5"], ["-t free:abort=5: abort without max=N has no effect"]),
        (["-t", "free:timeout=5"], ["timeout without max=N has no effect"]),
        (["-t", "free:max=3,abort=5"], []),
        (["-l", "5"], ["-l 5 has no effect; -t free:max=5 limits"]),
        (["-l5", "-w1"], ["-l 5 has no effect; -t free:max=5 limits"]),
        (["-p", "/nonexistent"], ["-p /nonexistent: there is no folder /nonexistent"]),
        (["-p", __file__], [f"-p {__file__} is a file; name its folder instead"]),
    ],
)
def test_what_has_no_effect_is_told_once(
    tmp_path: Path, options: list[str], told: list[str]
) -> None:
    with running(command(*options, "-Ap", module(tmp_path, HELLO), "app")) as handler:
        assert handler.call().body == b"application"
    for text in told:
        assert handler.log.count(text) == 1
    assert handler.log.count("WARNING") == len(told)


def test_version() -> None:
    outcome = attempt(command("--version"))
    assert re.fullmatch(rf"ashd-wsgi/\d+\.\d+\.\d+ \({BUILD}\)\n", outcome.stdout)
    assert outcome.status == 0


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["-A", "-p", "DIR", "app"], b"application"),
        (["-Ap", "DIR", "app"], b"application"),
        (["-ApDIR", "app"], b"application"),
        (["-LAp", "DIR", "app"], b"application"),
        (["--application", "--path", "DIR", "app"], b"application"),
        (["--application", "--path=DIR", "--model=single", "app"], b"application"),
        (["-A", "-p", "DIR", "-t", "pool:max=3", "--", "app"], b"application"),
        (["-p", "DIR", "app"], b"()"),
        (["-p", "DIR", "app", "one", "two"], b"('one', 'two')"),
        (["-p", "DIR", "app", "-V", ".fpy=a.b"], b"('-V', '.fpy=a.b')"),
        (["-p", "DIR", "app", "-A", "--help"], b"('-A', '--help')"),
        (["-p", "DIR", "app", "--", "-h"], b"('--', '-h')"),
        (["-p", "DIR", "app", "", "caf\xe9"], "('', 'caf\xe9')".encode()),
        (["-p", "DIR", "app:application"], b"application"),
        (["-p", "DIR", "-A", "app:Holder.inner"], b"application"),
        (["-p", "DIR", "app:"], b"application"),
        (["-p", "DIR", "usual:"], b"app"),
        (["-p", "DIR", "app:wmain()"], b"()"),
        (["-p", "DIR", """app:wmain("x", ['y'], None, -1)"""], b"('x', ['y'], None, -1)"),
        (["-p", "DIR", "app:Holder.make(debug=True)"], b"True"),
        (["-p", "DIR", "onlywmain:"], b"()"),
    ],
)
def test_ways_to_name_an_application(tmp_path: Path, options: list[str], expected: bytes) -> None:
    holder = """
class Holder:
    inner = staticmethod(application)
    @staticmethod
    def make(debug):
        return lambda environ, start_response: [b"%a" % debug, start_response("200 OK", [])][:1]
"""
    folder = module(tmp_path / "modules", HELLO + holder)
    module(folder, HELLO.replace("application", "app"), "usual")
    module(folder, "from app import wmain", "onlywmain")
    argv = command(*(option.replace("DIR", str(folder)) for option in options))
    with running(argv, cwd=tmp_path) as handler:
        assert handler.call().body == expected


def test_the_other_name(tmp_path: Path) -> None:
    folder = module(tmp_path, HELLO)
    with running(command("-Ap", folder, "app", name="ashd-wsgi3")) as handler:
        assert handler.call().body == b"application"


def test_as_a_module_of_python(tmp_path: Path) -> None:
    folder = module(tmp_path, HELLO)
    with running([sys.executable, "-m", "ashd.wsgi", "-Ap", str(folder), "app"]) as handler:
        assert handler.call().body == b"application"


def test_modules_in_packages(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "__init__.py").touch()
    module(package / "inner", HELLO)
    with running(command("-Ap", tmp_path, "package.inner.app")) as handler:
        assert handler.call().body == b"application"


def test_the_last_path_comes_first(tmp_path: Path) -> None:
    source = HELLO.replace('b"application"', "__file__.encode()")
    first, second = (module(tmp_path / name, source) for name in ("first", "second"))
    module(second, HELLO, "other")
    module(second, "raise SystemExit('a module of the standard library was hidden')", "xdrlib2")
    with running(command("-p", second, "-Ap", first, "app")) as handler:
        assert handler.call().body == os.fsencode(first / "app.py")
    with running(command("-p", second, "-Ap", first, "other")) as handler:
        assert handler.call().body == b"application"
    module(first, source, "calendar")  # as the standard library has one
    with running(command("-Ap", first, "calendar")) as handler:
        assert handler.call().body == os.fsencode(first / "calendar.py")


@pytest.mark.parametrize("start", [command("-A"), [sys.executable, "-m", "ashd.wsgi", "-A"]])
def test_the_working_directory_is_on_the_path_only_when_asked_for(
    tmp_path: Path, start: list[str]
) -> None:
    module(tmp_path, HELLO)
    outcome = attempt([*start, "app"], cwd=tmp_path)
    assert outcome.status == 1
    assert "no module 'app'" in outcome.stderr
    assert "-p ." in outcome.stderr
    with running([*start, "-p", ".", "app"], cwd=tmp_path) as handler:
        assert handler.call().body == b"application"


def test_the_working_directory_is_on_the_path_of_an_object(tmp_path: Path) -> None:
    module(tmp_path, HELLO)
    module(tmp_path, HELLO.replace("application", "app"), "other")
    first = module(tmp_path / "first", HELLO.replace('b"application"', 'b"first"'))
    for words, expected in {
        ("app:application",): b"application",
        ("-p", str(first), "app:application"): b"first",
        ("-p", str(first), "other:app"): b"app",
    }.items():
        with running(command(*words), cwd=tmp_path) as handler:
            assert handler.call().body == expected


def with_logging() -> set[str]:
    """Return what comes with Python's own `logging`; from 3.14 on that is much."""
    code = "import logging, sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_what_nobody_asked_for_is_not_imported(tmp_path: Path) -> None:
    folder = module(tmp_path, HELLO.replace('b"application"', "' '.join(sys.modules).encode()"))
    module(folder, "import sys\n" + (folder / "app.py").read_text(encoding="utf-8"))
    with running(command("-p", folder, "app:application")) as handler:
        found = set(handler.call().body.decode().split())
    optional = {"asyncio", "ast", "difflib", "inspect", "shlex", "tomllib", "ashd.pdm", "ashd.perf"}
    assert optional.isdisjoint(found - with_logging())
    assert not any(name.startswith("ashd.htparser") for name in found)


def test_a_relative_path_holds_when_the_application_goes_elsewhere(tmp_path: Path) -> None:
    source = "import os; os.chdir('/')\n" + HELLO.replace(
        'b"application"', 'repr([__import__("later").X, environ["SCRIPT_FILENAME"]]).encode()'
    )
    module(module(tmp_path, source), "X = 5", "later")
    with running(command("-Ap", ".", "app"), cwd=tmp_path) as handler:
        body = handler.call(headers=[(b"X-Ash-File", b"a/b.wsgi")]).body
    assert body == repr([5, f"{tmp_path}/a/b.wsgi"]).encode()

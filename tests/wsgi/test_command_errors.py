"""What `ashd-wsgi` says when it can't start."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.commands import HELLO, attempt, command, module
from ashdtest.handlers import running


@pytest.mark.parametrize(
    ("arguments", "told", "status"),
    [
        ([], "the name of a handler module is missing", 2),
        (["-A"], "the name of a handler module is missing", 2),
        (["-x", "app"], "option -x not recognized", 2),
        (["--nonsense", "app"], "option --nonsense not recognized", 2),
        (["--processes=2", "app"], "; options of ashd-htparser go into --front-end (see", 2),
        (["-p"], "option -p requires argument (see", 2),
        (["--workers"], "option --workers requires argument (see", 2),
        (["nosuchmodule"], "there is no module 'nosuchmodule'", 1),
        (["app.inner"], "app.inner", 1),
        (["nosuch.module"], "there is no module 'nosuch'", 1),
        ([""], "'' is not the name of a module", 1),
        (["."], "'.' is not the name of a module", 1),
        (["..app"], "'..app' is not the name of a module", 1),
        (["app.py"], "'app.py' is a file: give the name of its module, app", 1),
        (["a/b.py"], "give the name of its module, -p a b", 1),
        (["app.py:app"], "'app.py' is a file: give the name of its module, app:app", 1),
        (["a/b.py:app"], "give the name of its module, -p a b:app", 1),
        (["./a/b:app"], "give it as an import statement would: a.b:app", 1),
        ([":app"], "':app' names no module: write MODULE:OBJECT", 1),
        (["app:aplication"], "app has no 'aplication' (did you mean application?)", 1),
        (["-A", "app:nothing"], "app has no 'nothing' (it has application)", 1),
        (["app:application.x.y"], "app.application has no 'x'", 1),
        (["app:wmain(open('x'))"], "with literals: strings, numbers", 1),
        (["app:wmain(*[1])"], "with literals: strings, numbers", 1),
        (["app:wmain(**{})"], "with literals: strings, numbers", 1),
        (["app:wmain({[]: 1})"], "with literals: strings, numbers", 1),
        (["app:wmain(x={[1]})"], "with literals: strings, numbers", 1),
        (["app:wmain()()"], "only a function of the module can be called", 1),
        (["app:1 + 1"], "'app:1 + 1' is not MODULE:OBJECT", 1),
        (["app:wmain("], "is not MODULE:OBJECT", 1),
        (["-w1", "app:x", "--reload"], "come before what is served: ashd-wsgi -p ", 2),
        (["app:wmain", "x"], """in parentheses: 'app:wmain("x")'""", 1),
        (["app:__name__()"], "app:__name__ can't be called: it is of type str", 1),
        (["noresult:wmain()"], "what noresult:wmain returned is no WSGI application", 1),
        (
            ["factory:create_app"],
            "doesn't take two arguments, so it is no WSGI application",
            1,
        ),
        (["factory:"], "neither application nor app; name the object: factory:OBJECT; it has", 1),
        (["empty:"], "neither application nor app; name the object: empty:OBJECT", 1),
        (["asgi:app"], "asgi:app is an asynchronous (ASGI) application", 1),
        (["asgi:other"], "asgi:other is an asynchronous (ASGI) application", 1),
        (["package:inner.app"], "package has no 'inner'; for the module of this name write pac", 1),
        (["ap:app"], "no module 'ap' on Python's path (did you mean app?)", 1),
        (["further:app"], "no module 'further' on Python's path; it is in", 1),
        (["nosuchmodule:app"], "is on it; say -p FOLDER for another one", 1),
        (
            ["package.inne:app"],
            "'package.inne' on Python's path (did you mean inner?)",
            1,
        ),
        (["empty"], "the module empty has no function wmain", 1),
        (["-A", "empty"], "the module empty has no object named application", 1),
        (["onlyapp"], "it has an application: use -A", 1),
        (["-A", "nocallable"], "nocallable.application is no WSGI application", 1),
        (["nocallable"], "what nocallable.wmain returned is no WSGI application", 1),
        (["noresult"], "what noresult.wmain returned is no WSGI application", 1),
        (["exits"], "exits.wmain failed: SystemExit: 3", 1),
        (["-t", "nonsense", "app"], "there is no model 'nonsense'; choose one of free", 2),
        (["-t", "", "app"], "there is no model ''", 2),
        (["-t", "free:nonsense=3", "app"], "the model free has no parameter 'nonsense'", 2),
        (["-t", "single:max=3", "app"], "the model single has no parameter 'max'", 2),
        (["-t", "pool:max", "app"], "max of the model pool must be a whole number", 2),
        (["-t", "pool:max=0", "app"], "max of the model pool must be a whole number", 2),
        (["-t", "pool:max=x", "app"], "max of the model pool must be a whole number", 2),
        (["-t", "pool:timeout=-1", "app"], "timeout of the model pool must be", 2),
        (["-t", "free:max=0", "app"], "max of the model free must be a whole number", 2),
        (["-m", "nonsense", "app"], "-m nonsense: ", 1),
        (["-m", "/nonexistent/socket", "app"], "-m /nonexistent/socket: ", 1),
        (["-w", "2", "-m", "nonsense", "app"], "-m nonsense: ", 1),
        (["--graceful-timeout", "0", "app"], "--graceful-timeout", 2),
        (["--max-requests", "3", "app"], "replace workers, and need --workers N", 2),
        (["--reload", "--max-requests", "3", "app"], "excludes --max-requests: leave one out", 2),
        (["--access-log", "/nowhere/log", "-A", "app"], "the access log /nowhere/log can't be", 1),
    ],
)
def test_one_clear_line(tmp_path: Path, arguments: list[str], told: str, status: int) -> None:
    for name, source in {
        "app": HELLO,
        "empty": "",
        "onlyapp": "application = print",
        "nocallable": "application = 5\nwmain = lambda: 5",
        "noresult": "wmain = lambda: None",
        "exits": "import sys\nwmain = lambda: sys.exit(3)",
        "factory": "def create_app(debug=False): pass",
        "asgi": """async def app(scope, receive, send): pass
class Other:
    async def __call__(self, scope, receive, send): pass
other = Other()""",
        "below/further": "",
        "package/__init__": "",
        "package/inner": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        module(tmp_path, source, name)
    outcome = attempt(command("-p", tmp_path, *arguments))
    assert outcome.status == status
    assert outcome.stdout == ""
    assert outcome.stderr.startswith("ashd-wsgi: ")
    assert told in outcome.stderr
    assert outcome.stderr.count("\n") == 1, outcome.stderr


@pytest.mark.parametrize(
    ("source", "last_lines"),
    [
        (
            "import nosuchlibrary",
            [
                "ModuleNotFoundError: No module named 'nosuchlibrary'",
                "ashd-wsgi: the module app can't be imported: No module named 'nosuchlibrary'",
            ],
        ),
        (
            "from os import nothing_like_it",
            ["the import of app failed: ImportError: cannot import name 'nothing_like_it'"],
        ),
        (
            "def f():\n    return 1 / 0\nf()",
            [
                "ZeroDivisionError: division by zero",
                "ashd-wsgi: the import of app failed: ZeroDivisionError: division by zero",
            ],
        ),
        ("x = = 5", ["SyntaxError: invalid syntax", "the import of app failed: SyntaxError"]),
        ("raise ValueError('odd')", ["the import of app failed: ValueError: odd"]),
        ("raise TypeError('odd')", ["the import of app failed: TypeError: odd"]),
        ("import sys; sys.exit('no')", ["the import of app failed: SystemExit: no"]),
        ("raise KeyboardInterrupt", ["the import of app failed: KeyboardInterrupt"]),
        (
            "def wmain():\n    raise ValueError('odd')",
            ["ValueError: odd", "ashd-wsgi: app.wmain failed: ValueError: odd"],
        ),
        (
            "def wmain(needed):\n    pass",
            ["app.wmain failed: TypeError: wmain() missing 1 required"],
        ),
        (
            "def __getattr__(name):\n    raise LookupError(name)",
            ["LookupError: wmain", "ashd-wsgi: finding app failed: LookupError: wmain"],
        ),
        (
            "class Odd(Exception):\n    def __str__(self):\n        return 5\nraise Odd",
            ["app.Odd: <exception str() failed>", "the import of app failed: Odd"],
        ),
        (
            "try:\n    1 / 0\nexcept ZeroDivisionError as error:\n    raise LookupError from error",
            ["app failed: LookupError"],
        ),
    ],
)
def test_the_applications_own_exceptions_come_with_their_traceback(
    tmp_path: Path, source: str, last_lines: list[str]
) -> None:
    outcome = attempt(command("-p", module(tmp_path, source), "app"))
    assert outcome.status == 1
    last = outcome.stderr.splitlines()[-len(last_lines) :]
    for line, expected in zip(last, last_lines, strict=True):
        assert expected in line
    shown = re.findall(r'File "([^"]*)"', outcome.stderr)
    assert set(shown) <= {str(tmp_path / "app.py")}
    assert shown or "missing 1 required" in source + outcome.stderr


def test_a_failure_is_not_held_up_by_threads_of_the_application(tmp_path: Path) -> None:
    folder = module(
        tmp_path,
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, name='forever').start()\n"
        "raise ValueError('odd')",
    )
    assert attempt(command("-p", folder, "app")).status == 1


NO_HANDLER_SOCKET = "standard input is not the socket of an ashd handler"


@pytest.mark.parametrize("kind", ["null", "pipe", "file", "stream", "udp", "closed"])
def test_standard_input_that_is_no_handler_socket(tmp_path: Path, kind: str) -> None:
    argv = command("-Ap", module(tmp_path, "raise SystemExit('loaded in vain')"), "app")
    read_end, write_end = os.pipe()
    one, other = socket.socketpair()
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    file = (tmp_path / "app.py").open("rb")
    with one, other, udp, file:
        stdin = {
            "null": subprocess.DEVNULL,
            "pipe": read_end,
            "file": file.fileno(),
            "stream": one.fileno(),
            "udp": udp.fileno(),
            "closed": subprocess.DEVNULL,
        }[kind]
        if kind == "closed":
            argv = ["/bin/sh", "-c", 'exec "$@" <&-', "sh", *argv]
        outcome = attempt(argv, stdin=stdin)
    os.close(read_end)
    os.close(write_end)
    assert outcome.status == 1
    assert outcome.stderr.startswith(f"ashd-wsgi: {NO_HANDLER_SOCKET}; let a front end start this")
    assert f"ashd-wsgi --bind :8080 --application --path={tmp_path} app" in outcome.stderr
    assert outcome.stderr.count("\n") == 1


def test_a_missing_debug_library_is_no_reason_to_stop(tmp_path: Path) -> None:
    source = "import sys; sys.modules['ashd.pdm'] = None  # as if it weren't installed\n" + HELLO
    path = tmp_path / "socket"
    with running(command("-m", path, "-Ap", module(tmp_path, source), "app")) as handler:
        assert handler.call().body == b"application"
    assert "WARNING" in handler.log
    assert "ashd-wsgi[pdm]" in handler.log
    assert not path.exists()


def test_workers_without_the_library_for_a_debug_socket(tmp_path: Path) -> None:
    source = (
        "import sys; sys.modules['ashd.pdm'] = None  # as if it weren't installed\n"
        "from ashd.wsgi._main import main; sys.exit(main())"
    )
    options = ["-w", "1", "-m", str(tmp_path / "socket"), "-Ap", str(module(tmp_path, HELLO))]
    with running([sys.executable, "-c", source, *options, "app"]) as handler:
        assert handler.call().status == 200
    assert "ashd-wsgi[pdm]" in handler.log


def test_a_debug_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running(command("-m", path, "-Ap", module(tmp_path, HELLO), "app")) as handler:
        assert handler.call().body == b"application"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert client.recv(100) == b"+PDM1\n"
    assert not path.exists()

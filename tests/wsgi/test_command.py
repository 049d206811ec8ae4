"""The command `ashd-wsgi`: its options, what it says when it can't start, its log, and its end."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from ashdtest.handlers import Handler, read_all, running
from ashdtest.processes import DEADLINE, program, state, wait_until

MODELS = ["single", "free", "pool", "rplex"]
each_model = pytest.mark.parametrize("model", MODELS)

HELLO = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"application"]

def wmain(*args):
    def serve(environ, start_response):
        start_response("200 OK", [])
        return [repr(args).encode()]
    return serve
"""


@dataclass(frozen=True)
class Outcome:
    status: int
    stdout: str
    stderr: str


def command(*arguments: str | Path, name: str = "ashd-wsgi") -> list[str]:
    return [program(name), *map(str, arguments)]


def attempt(
    argv: Sequence[str],
    *,
    cwd: Path | None = None,
    stdin: int | None = None,
) -> Outcome:
    """Run a program to its end. Its standard input is a handler socket at end-of-file."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.close()
    with theirs:
        done = subprocess.run(
            argv,
            stdin=theirs.fileno() if stdin is None else stdin,
            capture_output=True,
            text=True,
            cwd=cwd,
            timeout=DEADLINE,
            check=False,
        )
    return Outcome(done.returncode, done.stdout, done.stderr)


def module(folder: Path, source: str, name: str = "app") -> Path:
    """Write a module; return its folder."""
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(source, encoding="utf-8")
    return folder


# Options


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("name", ["ashd-wsgi", "ashd-wsgi3"])
def test_help(option: str, name: str) -> None:
    outcome = attempt(command(option, name=name), stdin=subprocess.DEVNULL)
    assert outcome.status == 0
    assert outcome.stderr == ""
    assert outcome.stdout.startswith(f"usage: {name} ")
    for letter in "hALptm":
        assert f"-{letter}, --" in outcome.stdout


def test_version() -> None:
    outcome = attempt(command("--version"))
    assert re.fullmatch(r"ashd-wsgi/\d+\.\d+\.\d+\n", outcome.stdout)
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
    ],
)
def test_ways_to_name_an_application(tmp_path: Path, options: list[str], expected: bytes) -> None:
    folder = module(tmp_path / "modules", HELLO)
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


def test_paths_go_in_front_in_their_order(tmp_path: Path) -> None:
    source = HELLO.replace('b"application"', "__file__.encode()")
    first, second = (module(tmp_path / name, source) for name in ("first", "second"))
    module(second, HELLO, "other")
    module(second, "raise SystemExit('a module of the standard library was hidden')", "xdrlib2")
    with running(command("-p", first, "-Ap", second, "app")) as handler:
        assert handler.call().body == os.fsencode(first / "app.py")
    with running(command("-p", first, "-Ap", second, "other")) as handler:
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


def test_a_relative_path_holds_when_the_application_goes_elsewhere(tmp_path: Path) -> None:
    source = "import os; os.chdir('/')\n" + HELLO.replace(
        'b"application"', 'repr([__import__("later").X, environ["SCRIPT_FILENAME"]]).encode()'
    )
    module(module(tmp_path, source), "X = 5", "later")
    with running(command("-Ap", ".", "app"), cwd=tmp_path) as handler:
        body = handler.call(headers=[(b"X-Ash-File", b"a/b.wsgi")]).body
    assert body == repr([5, f"{tmp_path}/a/b.wsgi"]).encode()


# What goes wrong at the start


@pytest.mark.parametrize(
    ("arguments", "told", "status"),
    [
        ([], "the name of a handler module is missing", 2),
        (["-A"], "the name of a handler module is missing", 2),
        (["-x", "app"], "option -x not recognized", 2),
        (["--nonsense", "app"], "option --nonsense not recognized", 2),
        (["-p"], "option -p requires argument", 2),
        (["nosuchmodule"], "there is no module 'nosuchmodule'", 1),
        (["app.inner"], "app.inner", 1),
        (["nosuch.module"], "there is no module 'nosuch'", 1),
        ([""], "'' is no name of a module", 1),
        (["."], "'.' is no name of a module", 1),
        (["..app"], "'..app' is no name of a module", 1),
        (["a/b.py"], "a/b", 1),
        (["empty"], "the module empty has no function wmain", 1),
        (["-A", "empty"], "the module empty has no object named application", 1),
        (["onlyapp"], "it has an application: use -A", 1),
        (["-A", "nocallable"], "nocallable.application is no WSGI application", 1),
        (["nocallable"], "what nocallable.wmain returned is no WSGI application", 1),
        (["noresult"], "what noresult.wmain returned is no WSGI application", 1),
        (["exits"], "exits.wmain failed: SystemExit: 3", 1),
        (["-t", "nonsense", "app"], "there is no model 'nonsense'; choose one of free", 1),
        (["-t", "", "app"], "there is no model ''", 1),
        (["-t", "free:nonsense=3", "app"], "the model free has no parameter 'nonsense'", 1),
        (["-t", "single:max=3", "app"], "the model single has no parameter 'max'", 1),
        (["-t", "pool:max", "app"], "max of the model pool must be a whole number", 1),
        (["-t", "pool:max=0", "app"], "max of the model pool must be a whole number", 1),
        (["-t", "pool:max=x", "app"], "max of the model pool must be a whole number", 1),
        (["-t", "pool:timeout=-1", "app"], "timeout of the model pool must be", 1),
        (["-t", "free:timeout=1", "app"], "only together with max", 1),
        (["-m", "nonsense", "app"], "-m nonsense: ", 1),
        (["-m", "/nonexistent/socket", "app"], "-m /nonexistent/socket: ", 1),
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
    }.items():
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
    argv = command("-Ap", module(tmp_path, HELLO), "app")
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
    assert outcome.stderr.count("\n") == 1


def test_a_missing_debug_library_is_no_reason_to_stop(tmp_path: Path) -> None:
    source = "import sys; sys.modules['ashd.pdm'] = None  # as if it weren't installed\n" + HELLO
    path = tmp_path / "socket"
    with running(command("-m", path, "-Ap", module(tmp_path, source), "app")) as handler:
        assert handler.call().body == b"application"
    assert "WARNING" in handler.log
    assert "ashd-wsgi[pdm]" in handler.log
    assert not path.exists()


def test_a_debug_socket(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    with running(command("-m", path, "-Ap", module(tmp_path, HELLO), "app")) as handler:
        assert handler.call().body == b"application"
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(path))
            assert client.recv(100) == b"+PDM1\n"
    assert not path.exists()


# The log

TALKING = """
import logging, sys
logger = logging.getLogger("shop.cart")
def application(environ, start_response):
    logger.debug("of no interest")
    logger.info("an item for %s", environ["PATH_INFO"])
    environ["wsgi.errors"].write("said to wsgi.errors\\n")
    start_response("200 OK", [])
    root = logging.getLogger()
    return [f"{len(root.handlers)} {root.level}".encode()]
"""


@pytest.mark.parametrize("name", ["ashd-wsgi", "ashd-wsgi3"])
def test_the_log_goes_to_stderr(tmp_path: Path, name: str) -> None:
    with running(command("-Ap", module(tmp_path, TALKING), "app", name=name)) as handler:
        handler.call(b"/x")
    assert handler.log.splitlines() == [
        f"{name}: shop.cart: INFO: an item for /x",
        "said to wsgi.errors",
    ]


def test_logging_can_be_left_alone(tmp_path: Path) -> None:
    with running(command("-LAp", module(tmp_path, TALKING), "app")) as handler:
        assert handler.call().body == b"0 30"
    assert handler.log == "said to wsgi.errors\n"


CONFIGURE = """
import logging, sys
from ashd.wsgi._logs import configure_logging
configure_logging("ashd-wsgi", sys.argv[1])
logging.getLogger("shop.cart").info("an item")
"""


@pytest.mark.parametrize("there", [True, False])
def test_syslog(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "log"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as daemon:
        if there:
            daemon.bind(str(path))
            daemon.settimeout(DEADLINE)
        done = subprocess.run(
            [sys.executable, "-c", CONFIGURE, path],
            env=os.environ | {"ASHD_USESYSLOG": "1"},
            capture_output=True,
            text=True,
            check=True,
        )
        if there:
            record = daemon.recv(1000).rstrip(b"\0")
            facility_daemon, info = 3, 6
            assert record.startswith(b"<%d>ashd-wsgi[" % (facility_daemon * 8 + info))
            assert record.endswith(b"]: shop.cart: INFO: an item")
            assert done.stderr == ""
        else:
            assert "there is no syslog at" in done.stderr
            assert done.stderr.endswith("ashd-wsgi: shop.cart: INFO: an item\n")


def test_without_the_variable_nothing_goes_to_syslog(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "ASHD_USESYSLOG"}
    done = subprocess.run(
        [sys.executable, "-c", CONFIGURE, tmp_path / "log"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "ashd-wsgi: shop.cart: INFO: an item\n"


CHATTERING = """
import logging
logger = logging.getLogger("chatter")
def application(environ, start_response):
    number = environ["QUERY_STRING"]
    for _ in range(100):
        logger.info("start%sx%send", "=" * 3000, number)
        environ["wsgi.errors"].write(f"START{'=' * 300}x{number}END\\n")
    start_response("200 OK", [])
    return []
"""


@pytest.mark.parametrize("model", ["free", "pool"])
def test_lines_of_the_log_do_not_mix(tmp_path: Path, model: str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, CHATTERING), "app")
    with running(argv) as handler:
        clients = [handler.open(b"/?%d" % number) for number in range(8)]
        for client in clients:
            assert read_all(client).startswith(b"HTTP/1.1 200 ")
    lines = handler.log.splitlines()
    assert len(lines) == 8 * 200
    pattern = re.compile(r"ashd-wsgi: chatter: INFO: start={3000}x\dend|START={300}x\dEND")
    assert [line for line in lines if not pattern.fullmatch(line)] == []


# Standard input

CHILDREN = """
import subprocess, sys
CODE = '''
import os
print([os.readlink(f"/proc/self/fd/{name}") for name in sorted(os.listdir("/proc/self/fd"))
       if os.path.exists(f"/proc/self/fd/{name}") and name not in "12"])
'''
def descriptors():
    return subprocess.run([sys.executable, "-c", CODE], stdout=subprocess.PIPE).stdout
AT_IMPORT = descriptors()
def application(environ, start_response):
    start_response("200 OK", [])
    return [AT_IMPORT, descriptors(), repr(sys.stdin.read()).encode()]
"""


@each_model
def test_children_of_the_application_get_no_socket(tmp_path: Path, model: str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, CHILDREN), "app")
    with running(argv) as handler:
        lines = handler.call().body.splitlines()
    assert lines == [b"['/dev/null']", b"['/dev/null']", b"''"]


# The end

WAITING = """
import socket, sys
def application(environ, start_response):
    if environ["PATH_INFO"] != "/":
        with socket.socket(socket.AF_UNIX) as waiting:
            waiting.connect(environ["PATH_INFO"])
            waiting.recv(1)
    start_response("200 OK", [])
    yield b"waited"
"""


def waiting_request(handler: Handler, path: Path) -> tuple[socket.socket, socket.socket]:
    """Start a request that waits; return the client, and what is closed to end the waiting."""
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(path))
        listening.listen()
        listening.settimeout(DEADLINE)
        client = handler.open(os.fsencode(path))
        return client, listening.accept()[0]


@each_model
@pytest.mark.parametrize("way", ["end-of-file", signal.SIGTERM, signal.SIGINT])
def test_an_idle_program_ends(tmp_path: Path, model: str, way: signal.Signals | str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, WAITING), "app")
    with running(argv) as handler:
        assert handler.call().body == b"waited"
        if isinstance(way, signal.Signals):
            handler.process.send_signal(way)
            assert handler.process.wait(DEADLINE) == 0
    assert handler.log == ""


@each_model
@pytest.mark.parametrize("way", ["end-of-file", signal.SIGTERM, signal.SIGINT])
def test_running_requests_are_finished_first(
    tmp_path: Path, model: str, way: signal.Signals | str
) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, WAITING), "app")
    with running(argv) as handler:
        client, gate = waiting_request(handler, tmp_path / "gate")
        if isinstance(way, signal.Signals):
            handler.process.send_signal(way)
            wait_until(lambda: not catches(handler.pid, way), what="the signal to be seen")
        else:
            handler.socket.shutdown(socket.SHUT_WR)
        assert handler.process.poll() is None
        gate.close()
        assert read_all(client).endswith(b"waited")
        assert handler.process.wait(DEADLINE) == 0


@each_model
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(
    tmp_path: Path, model: str, number: signal.Signals
) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, WAITING), "app")
    with running(argv, status=-number) as handler:
        client, gate = waiting_request(handler, tmp_path / "gate")
        with client, gate:
            handler.process.send_signal(number)
            wait_until(lambda: not catches(handler.pid, number), what="the signal to be seen")
            handler.process.send_signal(number)
            assert handler.process.wait(DEADLINE) == -number


def catches(pid: int, number: int) -> bool:
    """Tell whether a process has a handler of its own for a signal."""
    text = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line.split()[1] for line in text.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught, 16) >> (number - 1) & 1)


STUBBORN = """
import threading
def application(environ, start_response):
    threading.Thread(target=threading.Event().wait, name="forever", daemon=False).start()
    start_response("200 OK", [])
    return []
"""


@pytest.mark.parametrize("model", ["single", "free"])
def test_threads_of_the_application_do_not_keep_it(tmp_path: Path, model: str) -> None:
    argv = command("-t", model, "-Ap", module(tmp_path, STUBBORN), "app")
    with running(argv) as handler:
        handler.call()
    assert "not waiting for the application's threads (forever)" in handler.log


def test_exit_functions_of_the_application_run(tmp_path: Path) -> None:
    source = "import atexit, sys; atexit.register(lambda: sys.stderr.write('goodbye'))\n" + HELLO
    with running(command("-Ap", module(tmp_path, source), "app")) as handler:
        handler.call()
    assert handler.log == "goodbye"


def test_it_sleeps_while_there_is_nothing_to_do(tmp_path: Path) -> None:
    for model in MODELS:
        with running(command("-t", model, "-Ap", module(tmp_path, HELLO), "app")) as handler:
            handler.call()
            wait_until(partial(sleeps, handler.pid), what="the handler to sleep")


def sleeps(pid: int) -> bool:
    return state(pid) == "S"

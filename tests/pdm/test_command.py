"""The command against a daemon in a process of its own, without a terminal and without extras."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from ashd.pdm import cli
from ashd.pdm.command._parser import SUBCOMMANDS
from ashdtest.debugdaemon import Daemon, complete_in_bash, run_command, running_daemon
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, wait_until

PAGES = Path(__file__).parents[2] / "packages/ashd-pdm/share/man/man1"


def output(*words: str, given: str | None = None) -> str:
    found = run_command(*words, given=given)
    assert found.stderr == ""
    assert found.returncode == 0
    return found.stdout


def failure(*words: str, status: int = 1) -> str:
    found = run_command(*words)
    assert found.returncode == status
    assert found.stdout == ""
    assert found.stderr.count("\n") == 1, found.stderr
    assert "Traceback" not in found.stderr
    return found.stderr


def test_ls(daemon: Daemon) -> None:
    lines = output("ls", daemon.address).splitlines()
    names = {line.split()[0]: line.split()[1:] for line in lines}
    assert names["__main__.counters"] == ["ls"]
    assert names["__main__.ticks"] == ["watch"]
    assert names["heap"] == ["call"]
    assert names["threads"] == ["get", "call"]
    inside = json.loads(output("ls", "-j", daemon.address, "__main__.counters"))
    assert inside == {"jobs": ["attr"], "by_kind": ["attr"]}


def test_get(daemon: Daemon) -> None:
    assert output("get", daemon.address, "__main__.counters/jobs") == "3\n"
    assert output("get", "-v", daemon.address, "__main__.counters/jobs").startswith("# Jobs that")
    values = json.loads(output("get", "--json", daemon.address, "__main__.counters"))
    assert values == {"jobs": 3, "by_kind": {"mail": 2, "other": 1}}
    assert int(output("get", daemon.address, "sysinfo/pid")) == daemon.process.pid


def test_call(daemon: Daemon) -> None:
    found = json.loads(output("call", daemon.address, "heap", "types", "limit=2", "-j"))
    assert len(found) == 2


def test_watch_events(daemon: Daemon) -> None:
    lines = output("watch", "-j", "-n", "3", daemon.address, "__main__.ticks").splitlines()
    ids = [json.loads(line)["id"] for line in lines]
    assert ids == list(range(ids[0], ids[0] + 3))


def test_watch_an_attribute(daemon: Daemon) -> None:
    lines = output(
        "watch", "-j", "-n", "2", "-i", "0.05", daemon.address, "sysres/cputime"
    ).splitlines()
    first, second = (json.loads(line)["value"] for line in lines)
    assert first < second


def test_threads(daemon: Daemon) -> None:
    text = output("threads", daemon.address)
    assert "Thread busy (" in text
    assert "in busy_loop" in text
    names = [thread["name"] for thread in json.loads(output("threads", "-j", daemon.address))]
    assert "MainThread" in names


def test_profile(daemon: Daemon) -> None:
    text = output("profile", "-s", "0.5", daemon.address)
    assert "busy_loop" in text
    assert "left out" in text


@pytest.mark.parametrize("name", ["x.svg", "x.html", "x.json", "x.txt"])
def test_profile_to_a_file(daemon: Daemon, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    output("profile", "-s", "0.3", "-o", str(path), daemon.address)
    assert "busy_loop" in path.read_text(encoding="utf-8")


def test_a_file_that_cant_be_written_is_known_before_the_profile(daemon: Daemon) -> None:
    assert "must end in" in failure("profile", "-s", "900", "-o", "x.pdf", daemon.address)
    assert "no such directory" in failure(
        "profile", "-s", "900", "-o", "/nonexistent/x.svg", daemon.address
    )


def test_profile_of_cpu_time(daemon: Daemon) -> None:
    assert output("profile", "-s", "0.2", daemon.address).startswith("wall clock: ")
    assert output("profile", "--cpu", "-s", "0.5", daemon.address).startswith("CPU time: ")


LEAK = """
import threading
held = []
def leak():
    while not done.wait(0.005):
        held.append(bytearray(100_000))
done = threading.Event()
threading.Thread(target=leak).start()
"""


def test_growth_that_the_collector_does_not_see(daemon: Daemon) -> None:
    with cli.replclient(daemon.address) as client:
        client.run(LEAK)
        try:
            found = run_command("heap", "--trace", "0.5", "-l", "3", daemon.address)
        finally:
            client.run("done.set(); held.clear()")
    assert "up to 15 times slower" in found.stderr
    lines = found.stdout.splitlines()
    assert lines[0].startswith("grown in ")
    assert re.fullmatch(r"\+\S+ [KM]iB in \+[\d,]+ blocks", lines[2])
    assert any("<pdm-repl-" in line for line in lines[3:8])
    assert "tracemalloc: off" in output("heap", "-l", "3", daemon.address)


def test_heap(daemon: Daemon) -> None:
    assert "tracemalloc: off" in output("heap", "-l", "3", daemon.address)
    output("heap", "--trace-start", daemon.address)
    assert "allocated in" in output("heap", "-l", "3", daemon.address)
    output("heap", "--trace-stop", daemon.address)
    assert "tracemalloc: off" in output("heap", "-l", "3", daemon.address)
    output("heap", "-g", "0.05", "-l", "3", daemon.address)


def test_top_without_a_terminal(daemon: Daemon) -> None:
    text = output("top", "-n", "2", "-i", "0.1", daemon.address)
    assert text.count("---") == 2
    assert re.search(r"CPU +\d+\.\d %", text)
    assert "busy: " in text


def test_metrics(daemon: Daemon) -> None:
    text = output("metrics", "-a", "__main__.counters", daemon.address)
    assert re.search(r"^process_cpu_seconds_total \d", text, re.MULTILINE)
    assert 'main___counters_by_kind{key="mail"} 2.0' in text
    assert "main___counters_jobs 3.0" in text


# The prompt


def test_code_from_the_command_line(daemon: Daemon) -> None:
    assert output("repl", "-c", "import os; os.getpid()", daemon.address) == (
        f"{daemon.process.pid}\n"
    )
    assert output("repl", "-c", "x = 5", "-c", "x + 1", daemon.address) == "6\n"


def test_piped_code(daemon: Daemon) -> None:
    code = 'def f():\n\n    return """a\n\nb"""\n\nf()\nimport asyncio\nawait asyncio.sleep(0, 7)\n'
    assert output("repl", daemon.address, given=code) == "'a\\n\\nb'\n7\n"
    found = run_command(daemon.address, given="1 + 1\n", name="pdm-repl")
    assert found.stdout == "2\n"


def test_an_exception_ends_a_script(daemon: Daemon) -> None:
    found = run_command("repl", "-c", "1/0", "-c", "print('on')", daemon.address)
    assert found.returncode == 1
    assert "ZeroDivisionError" in found.stdout
    assert "on\n" not in found.stdout


WITHOUT_EXTRAS = (
    "import sys; names = 'prompt_toolkit', 'pygments', 'argcomplete', 'prometheus_client'\n"
    "sys.modules.update(dict.fromkeys(names))\n"
    "from ashd.pdm.command import main; sys.exit(main(sys.argv[1:]))"
)


def test_what_needs_the_extra_names_it(daemon: Daemon) -> None:
    for words in (["completion", "bash"], ["metrics", "-L", "127.0.0.1:0", daemon.address]):
        command = [sys.executable, "-c", WITHOUT_EXTRAS, *words]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (found.returncode, found.stdout) == (1, "")
        assert "pip install 'ashd-pdm[cli]'" in found.stderr
        assert found.stderr.count("\n") == 1


def test_plain_output_needs_no_extra(daemon: Daemon) -> None:
    for words, expected in {
        "ls": "heap",
        "top -n 1 -i 0.01": "CPU",
        "threads": "busy_loop",
        "profile -s 0.1": "samples",
        "heap": "collector",
        "metrics": "process_cpu_seconds_total ",
        "repl -c 6*7": "42",
    }.items():
        command = [sys.executable, "-c", WITHOUT_EXTRAS, *words.split(), daemon.address]
        found = subprocess.run(command, capture_output=True, text=True, check=False)
        assert (found.returncode, found.stderr) == (0, "")
        assert expected in found.stdout


def test_top_on_a_terminal_without_the_extra(daemon: Daemon, tmp_path: Path) -> None:
    command = [sys.executable, "-c", WITHOUT_EXTRAS, "top", "-n", "1", "-i", "0.01"]
    ours, theirs = pty.openpty()
    found = subprocess.run(
        [*command, daemon.address], stdin=theirs, stdout=theirs, stderr=theirs, check=True
    )
    os.close(theirs)
    seen = ""
    with suppress(OSError):  # EIO: nobody has the other side any more
        while True:
            seen += os.read(ours, 10_000).decode()
    os.close(ours)
    assert found.returncode == 0
    assert "pip install 'ashd-pdm[cli]'" in seen
    assert "CPU" in seen


def converse(
    daemon: Daemon,
    home: Path,
    *typed: tuple[bytes, bytes],
    without: str = "nothing",
    more: str = "",
) -> bytes:
    """Type lines at the plain prompt on a terminal, each when something has appeared."""
    ours, theirs = pty.openpty()
    source = WITHOUT_EXTRAS.replace("'prompt_toolkit'", f"'prompt_toolkit', '{without}'")
    command = [sys.executable, "-c", source, "repl", daemon.address, *more.split()]
    environment = {**os.environ, "TERM": "dumb", "XDG_STATE_HOME": str(home)}
    seen, looked = b"", 0
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            for awaited, line in typed:
                while awaited not in seen[looked:]:
                    seen += os.read(ours, 1000)
                looked = len(seen)
                os.write(ours, line)
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            os.close(ours)
    return seen


def test_the_plain_prompt_needs_no_extra(daemon: Daemon, tmp_path: Path) -> None:
    seen = converse(
        daemon,
        tmp_path,
        (b">>> ", b"\n"),
        (b">>> ", b"import os\n"),
        (b">>> ", b"for x in range(3):\n"),
        (b"... ", b"    print('line', x)\n"),
        (b"... ", b"\n"),
        (b"line 2", b"os.getpid() + \t\n"),
        (b">>> ", b"len?\n"),
        (b"builtin", b"exit\n"),
    )
    assert b"SyntaxError" in seen
    history = tmp_path / "ashd-pdm" / "history-plain"
    assert "import os" in history.read_text(encoding="utf-8")
    assert history.stat().st_mode & 0o077 == 0


def test_the_plain_prompt_without_readline_and_history(daemon: Daemon, tmp_path: Path) -> None:
    typed = (b">>> ", b"6 * 7\n"), (b"42", b"exit\n")
    converse(daemon, tmp_path, *typed, without="readline")
    history = tmp_path / "ashd-pdm" / "history-plain"
    assert history.read_bytes() == b""
    converse(daemon, tmp_path, *typed, more="--history /proc/nothing/history")


LOSE_ALL = (
    "[s.shutdown(2) for s in __import__('gc').get_objects() if type(s).__name__ == 'socket' "
    "and s.fileno() >= 0 and s.getsockname() and not s.getsockopt(1, 30)]\n"  # SO_ACCEPTCONN
)


def test_a_prompt_goes_on_when_its_connection_was_lost(tmp_path: Path) -> None:
    with running_daemon() as daemon:
        seen = converse(
            daemon,
            tmp_path,
            (b">>> ", LOSE_ALL.encode()),
            (b"This is a new one", b"6 * 7\n"),
            (b"42", b"exit\n"),
        )
    assert b"The connection is lost: " in seen


def test_progress_on_a_terminal(daemon: Daemon) -> None:
    ours, theirs = pty.openpty()
    words = ["profile", "-s", "0.1", daemon.address]
    subprocess.run([sys.executable, "-m", "ashd.pdm.command", *words], stderr=theirs, check=True)
    os.close(theirs)
    seen = os.read(ours, 10_000)
    os.close(ours)
    assert seen == b"\rsampling for 0.1 s\x1b[K\r\x1b[K"


# What goes wrong


def test_errors_are_sentences(daemon: Daemon, tmp_path: Path) -> None:
    assert "no socket /nonexistent/x" in failure("threads", "/nonexistent/x")
    assert "is not a socket" in failure("threads", __file__)
    assert "use PATH" in failure("threads", "what")
    assert "has no object nothing" in failure("get", daemon.address, "nothing")
    assert "try ashd-pdm call" in failure("get", daemon.address, "heap")
    assert "no method 'nothing'" in failure("call", daemon.address, "heap", "nothing")
    assert "no worker processes" in failure("threads", "-w", "1", daemon.address)
    assert "a number above 0" in failure("top", "-i", "0", daemon.address, status=2)
    assert "--help" in failure("what", status=2)
    assert "--help" in failure(status=2)
    assert "bash, zsh, fish" in failure("completion", "csh")
    found = run_command("ls", "host:/x", environment={"ASHD_PDM_SSH": "/nonexistent/ssh"})
    assert "no ssh command on this machine\n" in found.stderr


def test_a_socket_that_nobody_serves(tmp_path: Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(path)
    assert "ended and left the file behind" in failure("get", path, "sysres")


def test_a_daemon_that_ends_meanwhile() -> None:
    with running_daemon() as daemon:
        assert "connection to the daemon is lost" in failure(
            "repl", "-c", "import os; os._exit(0)", daemon.address
        )


def test_something_else_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        command = [sys.executable, "-m", "ashd.pdm.command", "ls", str(port)]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            client, _ = server.accept()
            with client:
                client.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                assert process.stderr is not None
                assert "is not a debug socket" in process.stderr.read()
    assert process.returncode == 1


def test_something_else_listens_and_says_nothing() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        assert "has said nothing" in failure("ls", str(server.getsockname()[1]))


def test_something_else_closes_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        command = [sys.executable, "-m", "ashd.pdm.command", "ls", str(server.getsockname()[1])]
        with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
            server.accept()[0].close()
            assert process.stderr is not None
            assert "closes the connection at once" in process.stderr.read()


def test_output_that_nobody_reads_is_no_error(daemon: Daemon) -> None:
    command = [sys.executable, "-m", "ashd.pdm.command", "watch", daemon.address, "__main__.ticks"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


# What is made of the table of options


def test_help_of_all() -> None:
    for subcommand in SUBCOMMANDS:
        text = " ".join(output(subcommand.name, "--help").split())
        assert subcommand.help.capitalize().split()[0] in text
    assert "can run code as the user" in output("--help")


def test_the_manual_page_has_everything() -> None:
    text = (PAGES / "ashd-pdm.1").read_text(encoding="utf-8")
    plain = re.sub(r"\\.|^\.[A-Z][a-z] ", "", text, flags=re.MULTILINE)
    for subcommand in SUBCOMMANDS:
        assert f".It Cm {subcommand.name}\n" in text
        for flag in [flag for word in subcommand.words for flag in word.flags]:
            if flag.startswith("--"):
                assert re.search(rf"^\.It Fl .*-?{re.escape(flag[2:])}\b", text, re.MULTILINE)
            elif flag.startswith("-"):
                assert re.search(rf"Fl \w*{flag[1]}", plain)


@needs("bash")
def test_completion_in_bash(daemon: Daemon, tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")
    script = tmp_path / "completion"
    script.write_text(output("completion", "bash"), encoding="utf-8")
    assert complete_in_bash(script, "ashd-pdm", "t") == ["top", "threads"]
    assert complete_in_bash(script, "ashd-pdm", "heap", "--trace-") == [
        "--trace-start",
        "--trace-stop",
    ]
    found = complete_in_bash(script, "ashd-pdm", "get", "-w", "1", daemon.address[:-2])
    assert found == [daemon.address]
    assert complete_in_bash(script, "ashd-pdm", "get", daemon.address, "sysi") == ["sysinfo"]
    for target in ("host:/x", "/nonexistent/x", "x"):
        assert complete_in_bash(script, "ashd-pdm", "get", target, "sysi") == []
    assert complete_in_bash(script, "pdm-repl", daemon.address[:-2]) == [daemon.address]
    assert complete_in_bash(script, "ashd-pdm", "completion", "f") == ["fish"]


@pytest.mark.parametrize("way", ["-c", "stdin"])
def test_interrupting_a_script_interrupts_the_daemon(daemon: Daemon, way: str) -> None:
    code = "import time\nprint('begun')\nwhile True: time.sleep(0.01)"
    words = ["-c", code] if way == "-c" else []
    command = [sys.executable, "-m", "ashd.pdm.command", "repl", daemon.address, *words]
    for _ in range(5):  # the signal comes before, between and in statements
        with subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            if way == "stdin":
                process.stdin.write(code)
                process.stdin.close()
                process.stdin = None
            assert process.stdout.readline() == "begun\n"
            process.send_signal(signal.SIGINT)
            try:
                rest, said = process.communicate(timeout=DEADLINE)
            finally:
                process.kill()
        assert "Traceback" not in said
        assert (process.returncode == 130) == (rest == "")
        assert rest == "" or rest.endswith("KeyboardInterrupt\n")
        assert process.returncode in (1, 130)
    running = "[t.name for t in __import__('threading').enumerate() if 'watch' in t.name]"
    wait_until(lambda: output("repl", "-c", f"len({running})", daemon.address) == "1\n")

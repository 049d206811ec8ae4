"""Whatever a daemon says, nothing of it controls the terminal of the one who looks."""

from __future__ import annotations

import json
import os
import pty
import select
import subprocess
import termios
from pathlib import Path

import pytest

from ashdtest.debugdaemon import Daemon, complete_in_bash, run_command, running_daemon
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, program

SOURCE = r"""
import sys, threading
import ashd.pdm.srv
from ashd.pdm import perf

E = "\x1b]0;EVIL\x07\x9b2J\x7f\u202e\u2066\u200f\u2028\r\b$(touch${IFS}PWNED)"

def fail(*_args, **_kwargs):
    raise RuntimeError(E)

inner = {E: perf.Value(E, E), "other": perf.Value({E: 7}, E), "plain": perf.Value(7, "plain")}
inner["$(touch${IFS}PWNED)"] = perf.Value(1)
objects = {
    "directory": perf.Directory(inner),
    "attribute": perf.Value({E: [E]}, E),
    "changes": perf.Attribute(iter([[E, at] for at in range(99)]).__next__, E),
    "failing": perf.Attribute(fail, E),
    "functions": perf.Functions(run=lambda: {E: E}, fail=fail),
    "text": perf.Functions(run=lambda: E),
    "events": perf.EventSource(),
}
globals().update(objects)
frame = [E, 7, E, E]
request = {"method": E, "url": E, "uri": E, "age": 1.0, E: E}
thread = {"name": E, "ident": 1, "native_id": 1, "request": request, "stack": [frame]}
counts = {"collections": 1, "collected": 1, "uncollectable": 0}
server = {"requests_total": {E: 3}, "in_flight": [{**request, "thread": 1}], "latency": None}
entry = {"type": E, "count": 1, "size": 1, "file": E, "line": 1}
heap = {
    "types": [entry], "growth": [entry], "trace_top": [entry],
    "garbage": {"enabled": True, "stats": [counts] * 3, "uncollectable": 0},
}
label = E.replace(";", "")
found = {"stacks": {f"{label};{label} ({label}:7)": 9}, "seconds": 1.0, "rate": 9.0, "dropped": 0}

def answering(answers):
    return perf.Functions(**{name: lambda *_a, _x=x, **_k: _x for name, x in answers.items()})

process = dict(perf.process.readattr(), python=E)
perf.process = perf.Value(process)
perf.threads = perf.Value([thread, {**thread, "request": None}])
perf.heap = answering(heap)
perf.profile = answering({"run": found})
perf.objects = perf.Directory({f"__main__.{name}": one for name, one in objects.items()} | inner)
module = type(sys)("ashd.perf")
module.server = perf.Value(server)
raw = E.encode()
recorded = {
    "id": E, "time": 1.0, "seconds": 1.0, "method": raw, "url": raw, "version": raw, "rest": raw,
    "headers": [(raw, raw)], "body": raw, "received": 9, "whole": False, "status": raw,
    "response": [(raw, raw)], "sent": 1, "aborted": False,
}
module.recorder = perf.Value({"recording": 1, "requests": [recorded]})
module.recorder.pdm_protocols = lambda: ["attr", "invoke"]
module.recorder.invoke = lambda *_: recorded
sys.modules["ashd.perf"] = module

def notify():
    start = perf.RequestStart(method=E, uri=E)
    start.server = E
    while True:
        pause.wait(0.005)
        globals()["events"].notify(start)

pause = threading.Event()
threading.Thread(target=notify, daemon=True).start()
ashd.pdm.srv.listen(sys.argv[1])
threading.Event().wait()
"""

COMMANDS = [
    "ls TARGET",
    "ls -j TARGET",
    "ls TARGET __main__.directory",
    "get TARGET __main__.attribute",
    "get -v TARGET __main__.attribute",
    "get -j -v TARGET __main__.attribute",
    "get -v TARGET __main__.directory",
    "get -j TARGET __main__.directory",
    "get TARGET __main__.failing",
    "watch -n 2 TARGET __main__.events",
    "watch -j -n 2 TARGET __main__.events",
    "watch -n 2 -i 0.01 TARGET __main__.changes",
    "watch -j -n 2 -i 0.01 TARGET __main__.changes",
    "call TARGET __main__.functions run",
    "call -j TARGET __main__.functions run",
    "call TARGET __main__.functions fail",
    "call TARGET __main__.text run",
    "threads TARGET",
    "threads -j TARGET",
    "heap TARGET",
    "heap -j TARGET",
    "heap -g 0.01 TARGET",
    "profile -s 0.01 TARGET",
    "top -n 1 -i 0.01 TARGET",
    "requests TARGET",
    "requests TARGET x",
    "requests -j TARGET x",
    "metrics TARGET",
    "metrics -a __main__.directory TARGET",
    "repl --safe -c __import__('__main__').objects['text'].invoke('run') TARGET",
    "repl --safe -c print(__import__('__main__').E) TARGET",
    "repl --safe -c __import__('__main__').fail() TARGET",
]


EVIL = "\x1b]0;EVIL\x07\x9b2J\x7f\u202e\u2066\u200f\u2028\r\b"
"""What all strings of the daemon begin with."""


@pytest.mark.parametrize("command", COMMANDS)
def test_output_is_printable(daemon: Daemon, command: str) -> None:
    found = run_command(*(daemon.address if word == "TARGET" else word for word in command.split()))
    assert "Traceback (most recent" not in found.stderr
    assert "EVIL" in found.stdout + found.stderr
    odd = {one for one in found.stdout + found.stderr if not one.isprintable()}
    assert odd <= {"\n"}
    if " -j " in command:  # and nothing is lost
        said = json.dumps(json.loads(found.stdout.splitlines()[0]))
        assert json.dumps(EVIL)[1:-1] in said


def test_answers_of_another_form_are_an_error_that_is_said() -> None:
    source = SOURCE.replace("perf.threads = ", "perf.threads = perf.Value([7]) or ")
    source = source.replace('"count": 1, "size"', '"count": E, "size"')
    with running_daemon(source) as daemon:
        for command in ("threads", "heap"):
            found = run_command(command, daemon.address)
            assert found.returncode == 1
            assert "not of the expected form" in found.stderr
            assert {one for one in found.stderr if not one.isprintable()} <= {"\n"}


def test_the_live_screen(daemon: Daemon) -> None:
    pytest.importorskip("prompt_toolkit")
    seen = on_a_terminal([program("ashd-pdm"), "top", "-i", "0.1", daemon.address], b"EVIL", b"q")
    for end in range(1, len(EVIL) + 1):
        assert EVIL[:end].encode() not in seen or EVIL[:end] == "\x1b"
    for character in EVIL.replace("\x1b", "").replace("\r", "").replace("\b", ""):
        if not character.isprintable():
            assert character.encode() not in seen


def on_a_terminal(command: list[str], awaited: bytes, key: bytes) -> bytes:
    """Run a command on a terminal, press a key when `awaited` is there, and return all it wrote."""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (30, 100))
    environment = {**os.environ, "TERM": "xterm"}
    seen = b""
    with subprocess.Popen(
        command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, start_new_session=True
    ) as process:
        os.close(theirs)
        try:
            while awaited not in seen:
                assert select.select([ours], [], [], DEADLINE)[0], seen
                seen += os.read(ours, 1000)
            os.write(ours, key)
            while process.poll() is None:
                try:
                    seen += os.read(ours, 1000)
                except OSError:  # EIO: the terminal has no other side any more
                    break
            assert process.wait(DEADLINE) == 0
        finally:
            process.kill()
            os.close(ours)
    return seen


@needs("bash")
def test_completion_runs_nothing(daemon: Daemon, tmp_path: Path) -> None:
    pytest.importorskip("argcomplete")
    script = tmp_path / "script"
    script.write_text(run_command("completion", "bash").stdout, encoding="utf-8")
    names = complete_in_bash(script, "ashd-pdm", "get", daemon.address, "")
    assert "__main__.directory" in names
    assert all(name.isprintable() for name in names)
    assert list(tmp_path.iterdir()) == [script]

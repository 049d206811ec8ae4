"""What the command shows of daemons that answer what is rare, and of the smaller ones."""

from __future__ import annotations

import json

from ashdtest.debugdaemon import Daemon, run_command

SOURCE = """
import sys, threading
import ashd.pdm.srv
from ashd.pdm import perf

steps = perf.Attribute(iter([1, 1, 1, 2, 2, 3]).__next__)
functions = perf.Functions(f=len)
mixed = perf.Directory({"functions": functions, "number": perf.Value(7, "A number")})
without = perf.Directory({"functions": functions})

frame = ["/app/views.py", 12, "export", ""]
request = {"method": "GET", "url": "/x", "age": 1.5, "user": "me"}
thread = {"name": "pool", "ident": 1, "native_id": 77, "request": request, "stack": [frame]}
idle = {"name": "loop", "ident": 2, "request": None, "stack": [frame]}
del perf.objects, perf.sysres
perf.threads = perf.Value([idle, thread, {**idle, "name": "other", "ident": 3}])
process = perf.process.readattr()
del process["maxrss"]
perf.process = perf.Value(process)
counts = {"collections": 1, "collected": 1, "uncollectable": 0}
garbage = {"enabled": False, "stats": [counts], "uncollectable": 3}
heap = {"types": [], "trace_top": [], "growth": None, "garbage": garbage,
        "trace": {"growth": [], "seconds": 0.5, "overhead": 10}}
perf.heap = perf.Functions(**{name: lambda *_, _x=x: _x for name, x in heap.items()})
profile = {"stacks": {"main;f (x.py:1)": 9}, "seconds": 1.0, "rate": 0.0, "dropped": 5}
perf.profile = perf.Functions(run=lambda *_: profile)
ashd.pdm.srv.listen(sys.argv[1])
threading.Event().wait()
"""


def output(*words: str) -> str:
    found = run_command(*words)
    assert found.returncode == 0, found.stderr
    return found.stdout


def test_a_daemon_that_cant_list_its_objects(daemon: Daemon) -> None:
    names = json.loads(output("ls", "-j", daemon.address))
    assert names["threads"] == ["attr"]
    assert names["workers"] == ["dir", "event"]
    assert "sysres" not in names


def test_directories_with_more_than_attributes(daemon: Daemon) -> None:
    assert json.loads(output("get", "-j", daemon.address, "__main__.mixed")) == {"number": 7}
    found = run_command("get", daemon.address, "__main__.without")
    assert (found.returncode, found.stdout) == (1, "")
    assert "__main__.without has no attributes" in found.stderr


def test_an_attribute_is_shown_when_it_has_changed(daemon: Daemon) -> None:
    words = ("watch", "-j", "-n", "3", "-i", "0.01", daemon.address, "__main__.steps")
    values = [json.loads(line)["value"] for line in output(*words).splitlines()]
    assert values == [1, 2, 3]


def test_threads_with_the_same_stack_are_one(daemon: Daemon) -> None:
    assert output("threads", daemon.address).splitlines() == [
        "Thread GET /x for 1.5 s user=me (77)",
        '  File "/app/views.py", line 12, in export',
        "",
        "2 threads: loop, other",
        '  File "/app/views.py", line 12, in export',
        "",
    ]


def test_memory_that_has_not_grown(daemon: Daemon) -> None:
    assert output("heap", "-g", "0.01", daemon.address) == "nothing has grown\n"
    lines = output("heap", "-t", "0.01", daemon.address).splitlines()
    assert lines[1:] == ["nothing has grown"]


def test_garbage_that_cant_be_collected(daemon: Daemon) -> None:
    text = output("heap", daemon.address)
    assert "collector: off" in text
    assert "uncollectable objects: 3\n" in text


def test_samples_that_were_dropped(daemon: Daemon) -> None:
    assert "5 were dropped: there were too many" in output("profile", daemon.address)


def test_metrics_without_what_the_system_does_not_tell(daemon: Daemon) -> None:
    text = output("metrics", "-a", "__main__.mixed", daemon.address)
    assert "process_resident_memory_max_bytes" not in text
    assert "process_cpu_seconds_total" in text
    assert "main___mixed_number 7.0\n" in text
    assert "functions" not in text

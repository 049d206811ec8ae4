"""ashd-htparser as the first process of a container: nobody else reaps what its handlers leave."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from ashdtest.frontend import read_to_end
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, children, program, wait_until

ORPHANS = 5
HANDLER = f"""
import os
from ashd.proto import recv_request

def leave_an_orphan():
    if pid := os.fork():
        os.waitpid(pid, 0)
    elif os.fork():
        os._exit(0)
    else:
        while os.getppid() != 1:
            os.sched_yield()
        os._exit(0)

while request := recv_request():
    with request:
        for _ in range({ORPHANS}):
            leave_an_orphan()
        request.socket.sendall(b"HTTP/1.1 200 OK\\n\\n%d" % os.getppid())
"""

pytestmark = [
    needs("unshare"),
    pytest.mark.skipif(os.getuid() != 0, reason="only root may make PID namespaces"),
]


def ask(path: Path, target: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(path))
        sock.sendall(b"GET %b HTTP/1.0\r\n\r\n" % target)
        return read_to_end(sock)


@pytest.mark.parametrize("processes", [1, 2])
def test_orphans_are_reaped_by_the_first_process(processes: int, tmp_path: Path) -> None:
    path = tmp_path / "http"
    command = [
        *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *(program("ashd-htparser"), f"--processes={processes}", f"plain:unix={path}"),
        *("--", sys.executable, "-c", HANDLER),
    ]
    with subprocess.Popen(command) as outer:
        try:
            wait_until(path.exists)
            assert ask(path, b"/").endswith(b"\r\n\r\n1")
            (first,) = children(outer.pid)
            ours = processes if processes == 1 else processes + 1  # the handler, and others of us
            wait_until(lambda: len(children(first)) == ours, what="the orphans' end")
            os.kill(first, signal.SIGTERM)
            assert outer.wait(DEADLINE) == 0
        finally:
            outer.kill()

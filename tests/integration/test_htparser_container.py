"""ashd-htparser as the first process of a container, where nobody else reaps orphans; and what
examples/container says about the rights that it needs: none.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from ashdtest.frontend import read_to_end
from ashdtest.outside import needs
from ashdtest.processes import DEADLINE, children, free_port, program, wait_until

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


EXAMPLE = Path(__file__).parents[2] / "examples" / "container"
USER = 10001
CONFINED = """
cut -d " " -f 5 /proc/self/mountinfo | while read -r place; do
    mount -o remount,bind,ro "$place" || true
done 2>/dev/null
mount -t tmpfs none "$TMPDIR" -o mode=1777
exec "$@"
"""
"""Makes everything read-only but TMPDIR."""

PRIVILEGES = "-all,+dac_read_search"  # the tests may be where only root can read


def command_line(keyword: str) -> list[str]:
    """Return what a line of the Containerfile says."""
    for line in (EXAMPLE / "Containerfile").read_text(encoding="utf-8").splitlines():
        if line.startswith(f"{keyword} "):
            words: list[str] = json.loads(line.removeprefix(keyword))
            return words
    raise AssertionError(keyword)


@needs("setpriv")
def test_the_example_runs_without_rights_and_with_a_read_only_root(tmp_path: Path) -> None:
    port = free_port()
    folder = tmp_path / "tmp"
    folder.mkdir()
    places = {"plain:port=8080": f"plain:port={port}", "--drain=5": "--drain=0.1"}
    places |= {"/srv/notes": str(EXAMPLE), "ashd-htparser": program("ashd-htparser")}
    words = [*command_line("ENTRYPOINT"), *command_line("CMD")]
    command = [
        *("unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *("sh", "-c", CONFINED, "sh", "setpriv", f"--reuid={USER}", f"--regid={USER}"),
        *("--clear-groups", "--no-new-privs", f"--bounding-set={PRIVILEGES}"),
        *(f"--inh-caps={PRIVILEGES}", f"--ambient-caps={PRIVILEGES}"),
        *(places.get(word, word) for word in words),
    ]
    path = f"{Path(program('ashd-wsgi')).parent}:{os.environ['PATH']}"
    env = {**os.environ, "PATH": path, "TMPDIR": str(folder)}
    with subprocess.Popen(command, env=env) as outer, httpx.Client(timeout=DEADLINE) as client:
        try:
            url = f"http://127.0.0.1:{port}"
            wait_until(lambda: is_ready(client, url))
            (first,) = children(outer.pid)
            root = Path(f"/proc/{first}/root")
            with pytest.raises(OSError, match="Read-only"):
                (root / "new").touch()
            reply = client.post(url, content=bytes(3 << 20))
            assert reply.text.startswith(f"{3 << 20} bytes")
            assert reply.text.endswith(f"user {USER}\n")
            assert list((root / folder.relative_to("/")).iterdir()) == []
            os.kill(first, signal.SIGTERM)
            assert outer.wait(DEADLINE) == 0
        finally:
            outer.kill()


def is_ready(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(f"{url}/healthz").status_code == 200
    except httpx.ConnectError:
        return False


def ask(path: Path, target: bytes) -> bytes:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(DEADLINE)
        sock.connect(str(path))
        sock.sendall(b"GET %b HTTP/1.0\r\n\r\n" % target)
        return read_to_end(sock)


def test_orphans_are_reaped_by_the_first_process(tmp_path: Path) -> None:
    path = tmp_path / "http"
    command = [
        *("unshare", "--pid", "--fork", "--kill-child", "--mount-proc"),
        *(program("ashd-htparser"), f"plain:unix={path}"),
        *("--", sys.executable, "-c", HANDLER),
    ]
    with subprocess.Popen(command) as outer:
        try:
            wait_until(path.exists)
            assert ask(path, b"/").endswith(b"\r\n\r\n1")
            (first,) = children(outer.pid)
            wait_until(lambda: len(children(first)) == 1, what="the orphans' end")
            os.kill(first, signal.SIGTERM)
            assert outer.wait(DEADLINE) == 0
        finally:
            outer.kill()

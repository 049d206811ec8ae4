"""What becomes of requests and children when the system has no thread or descriptor to give."""

from __future__ import annotations

import subprocess
import sys

import pytest

COMMON = """
import os, resource, socket, threading
from ashd.proto import QueueFullError, Request, SpawnError
from ashd.util import PersistentChild, reap, respond, spawn_handler

LARGE = b"x" * 5_000_000
held = []
limits = resource.getrlimit(resource.RLIMIT_NOFILE)

def request():
    ours, theirs = socket.socketpair()
    ours.settimeout(60)
    return ours, Request(b"GET", b"/", b"HTTP/1.1", b"", [], theirs.detach())

def read_all(sock):
    with sock, sock.makefile("rb") as stream:
        return stream.read()

def fill(child):
    _, last = request()
    with last:
        try:
            while True:
                child.pass_request(last, wait=False)
        except QueueFullError:
            pass
"""

NO_THREADS = """
threading.stack_size(1 << 31)
with open("/proc/self/statm") as sizes:
    mapped = int(sizes.read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (mapped + (1 << 30), resource.RLIM_INFINITY))
"""

NO_DESCRIPTORS = """
least = max(map(int, os.listdir("/proc/self/fd")))
resource.setrlimit(resource.RLIMIT_NOFILE, (least, limits[1]))
try:
    while True:
        held.append(os.open("/dev/null", os.O_RDONLY))
except OSError:
    pass
"""

RELEASE = """
for descriptor in held:
    os.close(descriptor)
resource.setrlimit(resource.RLIMIT_NOFILE, limits)
"""

SLOW_CLIENT = """
client, of_client = request()
SHORTAGE
respond(of_client, LARGE)
assert 0 < len(read_all(client)) < len(LARGE)
"""

A_QUEUE = """
child = PersistentChild(["sleep", "1000"])
fill(child)
pid = child.pid
client, waiting = request()
SHORTAGE
try:
    with waiting:
        try:
            child.pass_request(waiting)
        except (QueueFullError, OSError) as error:
            print(error)
        waiting.socket.sendall(b"still the caller's")
    assert read_all(client) == b"still the caller's"
finally:
    child.close()
    os.kill(pid, 9)
"""

CHILDREN = """
SHORTAGE
first, sock = spawn_handler(["cat"])
reap(first)
sock.close()
os.waitid(os.P_PID, first.pid, os.WEXITED | os.WNOWAIT)
second, sock = spawn_handler(["cat"])
reap(second)
assert not os.path.exists(f"/proc/{first.pid}")
sock.close()
second.wait()
reap(second)
"""

NO_CHILD = """
SHORTAGE
try:
    spawn_handler(["true"])
except SpawnError as error:
    print(error)
"""


@pytest.mark.parametrize(
    ("shortage", "program", "told"),
    [
        (NO_THREADS, SLOW_CLIENT, "a response was cut, since no thread can send it"),
        (NO_DESCRIPTORS, SLOW_CLIENT, "a response was cut, since no thread can send it"),
        (NO_THREADS, A_QUEUE, "requests wait for sleep already"),
        (NO_DESCRIPTORS, A_QUEUE, "Too many open files"),
        (NO_THREADS, CHILDREN, ""),
        (NO_DESCRIPTORS, NO_CHILD, "true can't be started: Too many open files"),
    ],
    ids=[
        "a slow client - threads",
        "a slow client - descriptors",
        "a queue - threads",
        "a queue - descriptors",
        "children - threads",
        "children - descriptors",
    ],
)
def test_nothing_is_lost_without(shortage: str, program: str, told: str) -> None:
    source = COMMON + program.replace("SHORTAGE", shortage) + RELEASE
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stderr
    assert told in done.stdout + done.stderr

"""What becomes of requests and children when the system has no thread or descriptor to give."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

COMMON = """
import os, resource, socket, threading
from ashd.proto import QueueFullError, Request, SpawnError, send_request
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

THE_LAST_DESCRIPTOR = """
child = PersistentChild(["sleep", "1000"])
fill(child)
pid = child.pid
client, waiting = request()
spare = os.open("/dev/null", os.O_RDONLY)
SHORTAGE
os.close(spare)  # for the copy that waits, not for the waiting
try:
    child.pass_request(waiting)
    print(client.recv(12))
finally:
    waiting.close()
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

ON_THEIR_WAY = """
os.setgroups([])
os.setuid(1_000_000 + os.getpid())  # root is let off the limit, and users share theirs
resource.setrlimit(resource.RLIMIT_NOFILE, (20, limits[1]))
others = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
_, sent = request()
try:
    while True:
        send_request(others[0], sent, socket.MSG_DONTWAIT)
except QueueFullError as error:
    print(error)

def pass_on(timeout):
    child = PersistentChild(["sleep", "1000"], timeout=timeout)
    client, waiting = request()
    with waiting:
        child.pass_request(waiting)
    if timeout is None:
        for sock in others:
            sock.close()
    for thread in threading.enumerate():
        if thread.name == "queue of sleep":
            thread.join(60)
    os.kill(child.pid, 9)
    child.close()
    print("answer:", read_all(client)[:12])

pass_on(0.1)
pass_on(None)
"""


@pytest.mark.parametrize(
    ("shortage", "program", "told"),
    [
        (NO_THREADS, SLOW_CLIENT, "a response was cut, since no thread can send it"),
        (NO_DESCRIPTORS, SLOW_CLIENT, "a response was cut, since no thread can send it"),
        (NO_THREADS, A_QUEUE, "requests wait for sleep already"),
        (NO_DESCRIPTORS, A_QUEUE, "Too many open files"),
        (NO_DESCRIPTORS, THE_LAST_DESCRIPTOR, "HTTP/1.1 503"),
        (NO_THREADS, CHILDREN, ""),
        (NO_DESCRIPTORS, NO_CHILD, "true can't be started: Too many open files"),
    ],
    ids=[
        "a slow client - threads",
        "a slow client - descriptors",
        "a queue - threads",
        "a queue - descriptors",
        "a queue - the last descriptor",
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


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become a user of its own")
def test_a_request_waits_while_too_many_descriptors_are_on_their_way() -> None:
    """Not in the child's socket, which has room. When it's in time, it gets through."""
    source = COMMON + ON_THEIR_WAY
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    told, refused, passed_on = done.stdout.splitlines()
    assert "too many descriptors are on their way" in told
    assert refused == "answer: b'HTTP/1.1 503'"
    assert passed_on == "answer: b''"  # the child was killed

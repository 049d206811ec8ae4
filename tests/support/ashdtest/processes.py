"""Looking at processes from outside, and waiting for what they do (Linux: it reads /proc).

Tests of every part use it. Nothing here starts a process or owns a descriptor.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

DEADLINE = 60.0
"""Seconds: far beyond what anything awaited here takes, even on a busy machine."""

_PAUSE = 0.005

MODELS = ("free", "pool", "single", "rplex")
"""Every handler model."""

T = TypeVar("T")


def wait_until(condition: Callable[[], T], deadline: float = DEADLINE, what: str = "") -> T:
    """Return the first true value of `condition()`; AssertionError after `deadline` seconds."""
    end = time.monotonic() + deadline
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {deadline} s in vain for {what or condition}")
        time.sleep(_PAUSE)


def descriptors(pid: int | None = None) -> dict[int, str]:
    """Return the open descriptors of a process (by default this one) and what they are."""
    folder = Path(f"/proc/{pid or os.getpid()}/fd")
    found = {}
    for number in os.listdir(folder):  # noqa: PTH208 - a Path's iterdir holds a descriptor longer
        try:
            found[int(number)] = str((folder / number).readlink())
        except FileNotFoundError:  # the one that listed the folder
            continue
    return found


def descriptor_count(pid: int | None = None) -> int:
    """Return how many descriptors a process has open."""
    return len(descriptors(pid))


@contextmanager
def no_descriptors() -> Iterator[None]:
    """Let this process open nothing."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@contextmanager
def room_for(number: int) -> Iterator[None]:
    """Let this process, and what it starts, open that many files; skip the test if it must not."""
    import pytest  # not where benchmarks run

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < number:
        pytest.skip(f"this takes {number} open files, and the hard limit is {hard} (ulimit -Hn)")
    if soft != resource.RLIM_INFINITY:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def python_environment(folder: Path, code: str) -> dict[str, str]:
    """Return an environment in which every Python begins with `code`, which is kept in `folder`."""
    (folder / "sitecustomize.py").write_text(code, encoding="utf-8")
    path = os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])
    return {**os.environ, "PYTHONPATH": path}


def thread_count(pid: int | None = None) -> int:
    """Return how many threads a process has."""
    return len(os.listdir(f"/proc/{pid or os.getpid()}/task"))  # noqa: PTH208


def state(pid: int) -> str:
    """Return the state letter of a process (`R`, `S`, `Z`, ...), or "" when it is gone."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return text.rpartition(")")[2].split()[0]


def exists(pid: int) -> bool:
    """Tell whether a process is there, be it as a zombie."""
    return bool(state(pid))


def children(pid: int | None = None) -> list[int]:
    """Return the direct children of a process, zombies included."""
    found: list[int] = []
    with suppress(FileNotFoundError):  # the process is gone
        for task in Path(f"/proc/{pid or os.getpid()}/task").iterdir():
            with suppress(FileNotFoundError, ProcessLookupError):  # the thread is gone
                found += map(int, (task / "children").read_text(encoding="ascii").split())
    return found


def resident_kib(pid: int) -> int:
    """Return how much memory a process holds, in KiB."""
    return _status_kib(pid, "VmRSS")


def peak_resident_kib(pid: int) -> int:
    """Return how much memory a process has held at most, in KiB."""
    return _status_kib(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let `peak_resident_kib` begin anew with what the process holds now (proc(5), clear_refs)."""
    Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return int(value.split()[0])
    raise AssertionError(f"no {name} of process {pid}")


def free_port() -> int:
    """Return a TCP port of this machine that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def program(name: str) -> str:
    """Return the path of a command that was installed beside the Python that runs the tests."""
    path = Path(sys.executable).parent / name
    assert path.exists(), f"{name} is not installed beside {sys.executable}"
    return str(path)

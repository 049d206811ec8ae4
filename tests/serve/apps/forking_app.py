"""An application that forks, in the ways that its paths name."""

import itertools
import json
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

context = multiprocessing.get_context("fork")


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    way = environ["PATH_INFO"].strip("/")
    if way == "download":
        start_response("200 OK", [("Content-Type", "application/octet-stream")])
        return itertools.repeat(bytes(1_000_000), 8)
    body = WAYS[way](environ["QUERY_STRING"])
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body]


def use_pool(_: str) -> bytes:
    with context.Pool(2) as pool:
        return json.dumps(pool.map(abs, range(-3, 0))).encode()


def hang_with_pool(path: str) -> bytes:
    with context.Pool(2):
        pids = " ".join(str(process.pid) for process in multiprocessing.active_children())
        Path(path).write_text(pids, encoding="ascii")  # to a pipe: waits for a reader
        threading.Event().wait()
        return b"never"


def tell_what_a_child_has(_: str) -> bytes:
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(write, json.dumps(what_this_process_has()).encode())
        os._exit(0)
    os.close(write)
    os.waitpid(pid, 0)
    with os.fdopen(read, "rb") as report:
        return report.read()


def what_this_process_has() -> dict[str, Any]:
    numbers = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
    return {
        "handlers": [str(signal.getsignal(number)) for number in numbers],
        "blocked": list(signal.pthread_sigmask(signal.SIG_BLOCK, ())),
        "wakeup": signal.set_wakeup_fd(-1),
        "descriptors": [
            name
            for fd in Path("/proc/self/fd").iterdir()
            if fd.name not in {"1", "2"} and not (name := name_of(fd)).startswith(("/", "pipe:"))
        ],
    }


def name_of(fd: Path) -> str:
    try:
        return str(fd.readlink())
    except FileNotFoundError:
        return "/the one that listed the folder"


def leave_a_child(_: str) -> bytes:
    """Fork a child that waits for a signal, and tell who it is.

    In what Python runs at a fork, a KeyboardInterrupt is lost: wait until the child has come out.
    """
    read, write = os.pipe()
    pid = os.fork()
    if not pid:
        os.write(write, b"!")
        while True:
            time.sleep(0.05)  # a signal just before a wait without end wouldn't end it
            signal.raise_signal(0)  # looks for one: in such a process 3.13 does so in calls alone
    os.read(read, 1)
    os.close(read)
    os.close(write)
    threading.Thread(target=os.waitpid, args=(pid, 0), daemon=True).start()
    return b"%d" % pid


def forget_to_end(_: str) -> bytes:
    return b"%d" % os.fork()


def exit_as_programs_do(_: str) -> bytes:
    pid = os.fork()
    if not pid:
        sys.exit(0)
    return b"%d" % pid


WAYS = {
    "pool": use_pool,
    "hang": hang_with_pool,
    "child": tell_what_a_child_has,
    "leave": leave_a_child,
    "forget": forget_to_end,
    "exit": exit_as_programs_do,
}

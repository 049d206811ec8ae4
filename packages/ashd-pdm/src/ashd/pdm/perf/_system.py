"""The built-in objects about the process: `sysres`, `sysinfo`, `sysctl`, `process`, `threads`."""

from __future__ import annotations

import importlib
import os
import platform
import resource
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType

from .._records import Process, Thread
from ..util import describe_threads, format_threads
from ._call import after_reply
from ._objects import Attribute, Directory, Functions
from ._wire import error, nosuchname

_imported_at = time.monotonic()


def _usage() -> resource.struct_rusage:
    return resource.getrusage(resource.RUSAGE_SELF)


def _realtime() -> float:
    return time.monotonic() - _imported_at


sysres: Directory = Directory(
    {
        "realtime": Attribute(_realtime, "Seconds since this module was imported", merge="max"),
        "cputime": Attribute(time.process_time, "CPU time of the process, in seconds"),
        "utime": Attribute(lambda: _usage().ru_utime, "User part of the CPU time, in seconds"),
        "stime": Attribute(lambda: _usage().ru_stime, "System part of the CPU time, in seconds"),
        "maxrss": Attribute(lambda: _usage().ru_maxrss, "Largest resident set, KiB", merge="max"),
        "rusage": Attribute(lambda: tuple(_usage()), "The fields of getrusage(2)", merge="each"),
    }
)

sysinfo: Directory = Directory(
    {
        "pid": Attribute(os.getpid, "The number of the process"),
        "uname": Attribute(lambda: tuple(os.uname()), "System, node, release, version, machine"),
        "hostname": Attribute(socket.gethostname, "The name of the host"),
        "platform": Attribute(platform.platform, "System and release, as one text"),
    }
)


class SystemControl(Functions):
    """`exit` and `reload`: sends the process the signal that asks for it, once the answer is on its
    way. `reload` with the name of a module reloads that module only, before it answers.

    A daemon that does it another way puts functions into `exit_with` and `reload_with`.
    """

    def __init__(self) -> None:
        super().__init__(exit=self._exit, reload=self._reload)
        self.exit_with: Callable[[], None] | None = None
        self.reload_with: Callable[[], None] | None = None

    def _exit(self) -> None:
        after_reply(self.exit_with or partial(os.kill, os.getpid(), signal.SIGTERM))

    def _reload(self, module: str | None = None) -> None:
        if module is not None:
            found = sys.modules.get(module)
            if not isinstance(found, ModuleType):
                raise nosuchname(f"{module[:100]}: no module of this name is imported")
            importlib.reload(found)
            return
        unset = (signal.SIG_DFL, signal.SIG_IGN, None)
        if self.reload_with is None and signal.getsignal(signal.SIGHUP) in unset:
            raise error("this daemon has no handler for SIGHUP, so it can't reload")
        after_reply(self.reload_with or partial(os.kill, os.getpid(), signal.SIGHUP))


sysctl: SystemControl = SystemControl()


def _process() -> Process:
    usage = _usage()
    return {
        "pid": os.getpid(),
        "ppid": os.getppid(),
        "argv": list(sys.argv),
        "python": platform.python_version(),
        "time": time.time(),
        "realtime": _realtime(),
        "cputime": usage.ru_utime + usage.ru_stime,
        "utime": usage.ru_utime,
        "stime": usage.ru_stime,
        "rss": _from_proc(_resident_set),
        "maxrss": usage.ru_maxrss * 1024,
        "threads": threading.active_count(),
        "fds": _from_proc(lambda: len(os.listdir("/proc/self/fd")) - 1),  # noqa: PTH208
    }


def _from_proc(read: Callable[[], int]) -> int | None:
    try:
        return read()
    except OSError:  # only Linux has it; or there are no descriptors left
        return None


def _resident_set() -> int:
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * resource.getpagesize()


process: Attribute[Process] = Attribute(
    _process,
    "All about the process at once: times in seconds, rss and maxrss in bytes, open descriptors",
    merge="each",
)


class Threads(Attribute[list[Thread]]):
    """Readable, with the methods `stack(ident)` and `text()`."""

    def __init__(self) -> None:
        super().__init__(
            describe_threads, "All threads, with their stacks and the request that each one holds"
        )
        self.invoke: Callable[..., object] = Functions(stack=_thread, text=format_threads).invoke

    def pdm_protocols(self) -> list[str]:
        """Return `["attr", "invoke"]`."""
        return ["attr", "invoke"]


def _thread(ident: int) -> Thread | None:
    """The thread of that ident, or None when it has ended."""
    return next((found for found in describe_threads() if found["ident"] == ident), None)


threads: Threads = Threads()

"""What a service manager and a service tell each other: sd_notify(3) and sd_listen_fds(3).

`take_environment` is called first of all, in the process that was started: the variables aren't for
the root handler or the processes that it starts.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass

FIRST_FD = 3
_VARIABLES = (
    *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"),
    *("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID"),
)


@dataclass(frozen=True, slots=True)
class Manager:
    """What the service manager has said."""

    socket: str
    """Where it listens; a name that starts with `@` is abstract. Empty: nowhere."""
    watchdog: float
    """It wants to hear of us within so many seconds; 0: it doesn't."""
    listening: tuple[tuple[int, str], ...]
    """The descriptors that it has bound for us, each with a name."""


NOBODY = Manager("", 0.0, ())


def take_environment(environ: MutableMapping[str, str]) -> Manager:
    """Take everything that is meant for this process, and nobody else, out of its environment."""
    said = {name: environ.pop(name, "") for name in _VARIABLES}
    fds: list[tuple[int, str]] = []
    if said["LISTEN_PID"] == str(os.getpid()):
        names = said["LISTEN_FDNAMES"].split(":")
        for number in range(_number(said["LISTEN_FDS"])):
            fds.append((FIRST_FD + number, names[number] if number < len(names) else ""))
            with suppress(OSError):  # who uses it says so
                os.set_inheritable(FIRST_FD + number, False)
    watched = said["WATCHDOG_PID"] in ("", str(os.getpid()))
    watchdog = _number(said["WATCHDOG_USEC"]) / 1e6 if watched else 0.0
    return Manager(said["NOTIFY_SOCKET"], watchdog, tuple(fds))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else 0


class Notifier:
    """Tells the service manager how we are; without one, nobody. It owns its socket."""

    def __init__(self, address: str) -> None:
        """Tell whoever listens at `address`, a path or `@NAME`."""
        self._sock: socket.socket | None = None
        if address.startswith(("/", "@")):
            self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._address = "\0" + address[1:] if address[0] == "@" else address
        self._is_stopping = False

    def ready(self, status: str) -> None:
        """Tell that all is loaded, and which process it is."""
        self._tell_of_service("READY=1", f"MAINPID={os.getpid()}", f"STATUS={status}")

    def reloading(self) -> None:
        """Tell that a reload has begun; `ready` ends it."""
        microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        self._tell_of_service("RELOADING=1", f"MONOTONIC_USEC={microseconds}", "STATUS=reloading")

    def stopping(self) -> None:
        """Tell that the end has begun: from now on, the service is neither ready nor reloading."""
        self._is_stopping = True
        self._tell("STOPPING=1", "STATUS=finishing what is running")

    def status(self, text: str) -> None:
        """Tell an administrator what is going on."""
        self._tell(f"STATUS={text}")

    def alive(self) -> None:
        """Tell the watchdog that all is well."""
        self._tell("WATCHDOG=1")

    def close(self) -> None:
        """Tell nothing any more."""
        if self._sock is not None:
            self._sock.close()

    def _tell_of_service(self, *lines: str) -> None:
        if not self._is_stopping:
            self._tell(*lines)

    def _tell(self, *lines: str) -> None:
        if self._sock is not None:
            with suppress(OSError):  # nobody listens, or is too slow: that must not stop us
                self._sock.sendto("\n".join(lines).encode(), socket.MSG_DONTWAIT, self._address)

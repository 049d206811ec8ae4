"""What a front end is told that another one has started, and what they say to each other.

See `_workers`. Each message is a word; the socket keeps them apart. Called in the event loop's
thread, `inherited` before there is a loop.
"""

from __future__ import annotations

import math
import select
import signal
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from ._health import Condition, Readiness
from ._interface import Front
from ._poller import Poller
from ._portspec import Port
from ._queue import RequestQueue
from ._renewal import renew_certificates

Sockets = list[tuple[Port, socket.socket]]

VARIABLE = "ASHD_HTPARSER_WORKER"
"""Tells a worker its number (from 0) and its descriptors: the control socket's, the queue's, and
one for each listening socket with the number of its PORTSPEC in front (`1 3 4 0:5 0:6`)."""

ALIVE = b"."
MAKE_WAY = b"make way"
RENEW = b"renew"
REOPEN_LOGS = b"logs"
CONDITIONS = {condition.value.encode(): condition for condition in Condition}
LONGEST_WORD = 64
ONCE = select.EPOLLIN | select.EPOLLONESHOT


@dataclass(frozen=True, slots=True)
class Inherited:
    """What a worker was started with, its own."""

    parent: Parent
    readiness: Readiness
    queue: RequestQueue
    sockets: Sockets
    others: Sockets


class Parent:
    """A worker's `Backend`: the process that has started it, and has the root handler."""

    ended = True
    draining = False
    last_heard = math.inf

    def __init__(
        self,
        control: socket.socket,
        ports: Sequence[Port] = (),
        readiness: Readiness | None = None,
    ) -> None:
        """Own the socket, whose other end is the parent's.

        Renew certificates of `ports`, and pass on to `readiness` what the parent says.
        """
        self._control = control
        self._ports = ports
        self._readiness = readiness or Readiness()
        self._poller: Poller | None = None
        self._front: Front

    def attach(self, poller: Poller, front: Front) -> None:
        """See `Backend`: the end of the parent is a reason to finish."""
        self._poller, self._front = poller, front
        poller.add(self._control.fileno(), ONCE, self._hear)
        with suppress(OSError):  # the parent has closed it already, which is an event as well
            self._control.send(ALIVE)

    def _hear(self, _: int) -> None:
        """The parent has something to say, or is gone, or wants this process to finish."""
        try:
            told = self._control.recv(LONGEST_WORD, socket.MSG_DONTWAIT)
        except OSError:
            told = b""
        if not told:
            self._front.finish(0)
            return
        if told == RENEW:
            renew_certificates(self._ports, quiet=True)
        elif told == REOPEN_LOGS:
            signal.raise_signal(signal.SIGUSR1)
        elif told == MAKE_WAY:
            self._front.make_way()
        elif told in CONDITIONS:
            self._readiness.enter(CONDITIONS[told])
        assert self._poller is not None
        self._poller.modify(self._control.fileno(), ONCE)

    def release(self) -> None:
        """See `Backend`."""
        self._control.close()

    def sweep(self, now: float) -> None:  # noqa: ARG002 - not needed
        """See `Backend`: say that we aren't stuck."""
        with suppress(OSError):  # the parent is, or is gone
            self._control.send(ALIVE, socket.MSG_DONTWAIT)

    def reload(self) -> None:
        """See `Backend`: the parent does it."""

    def reopen_logs(self) -> None:
        """See `Backend`: the parent does it."""

    def stop(self) -> None:
        """See `Backend`: the parent does it."""

    def terminate(self) -> None:
        """See `Backend`: the parent does it."""

    def kill(self) -> None:
        """See `Backend`: the parent does it."""


def inherited(
    environ: Mapping[str, str], ports: Sequence[Port], processes: int
) -> Inherited | None:
    """Take what a worker was started with; None if this process is not a worker."""
    text = environ.get(VARIABLE)
    if text is None:
        return None
    number, control, queue, *places = text.split()
    sockets: Sockets = []
    for place in places:
        port, _, fd = place.partition(":")
        sockets.append((ports[int(port)], _adopt(fd)))
    own = sockets[int(number) :: processes]
    others = [each for each in sockets if each not in own]
    readiness = Readiness()
    parent = Parent(_adopt(control), ports, readiness)
    return Inherited(parent, readiness, RequestQueue(_adopt(queue)), own, others)


def _adopt(fd: str) -> socket.socket:
    sock = socket.socket(fileno=int(fd))
    sock.set_inheritable(False)
    return sock

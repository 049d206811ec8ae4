"""One worker process, as its parent sees it."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from enum import Enum

from ._board import Places
from ._worker import LEAVING, PLACE_VARIABLE, READY, VARIABLE


class State(Enum):
    """How far a worker is."""

    STARTING = "starting"
    READY = "ready"
    LEAVING = "leaving"
    """It receives nothing more, or was told so; another may take its place."""


class Child:
    """A worker process and the parent's end of its control socket. Used by one thread."""

    def __init__(
        self,
        argv: Sequence[str],
        stdin: int,
        generation: int,
        further: Mapping[str, socket.socket],
        places: Places | None,
    ) -> None:
        """Start a process. Raises OSError if the system has none to give.

        `further` are sockets for it, by the environment variable that tells it the descriptor.
        They and `stdin` are borrowed. The child has a place of `places` until it is gone.
        """
        self._places = places
        self._place = places.take() if places is not None else None
        self.control, theirs = socket.socketpair()
        try:
            with theirs:
                self._process = self._start(argv, stdin, {VARIABLE: theirs, **further})
        except BaseException:
            self._release()
            raise
        self.generation = generation
        self.state = State.STARTING
        self.replaces: Child | None = None
        self.replaced = False  # by a worker of a later generation
        self._born = time.monotonic()
        self._told = 0  # the signal that it was sent
        self._later: list[int] = []  # signals that would kill it while it starts

    @property
    def pid(self) -> int:
        """The process ID."""
        return self._process.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._born

    def listen(self) -> State:
        """Take in what it has said; return its state."""
        if self.control.fileno() < 0:
            return self.state
        try:
            words = self.control.recv(64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return self.state
        if not words:  # gone, or going; SIGCHLD tells
            self.control.close()
        if READY in words:
            if self.state is State.STARTING:
                self.state = State.READY
                while self._later:
                    self._process.send_signal(self._later.pop())
            else:  # the application's start has swallowed the signal
                self._process.send_signal(self._told)
        if LEAVING in words:
            self.state = State.LEAVING
        return self.state

    def stop(self, number: int = signal.SIGTERM) -> None:
        """Let it finish what it has. Once only: a second signal would end it at once."""
        if self.state is State.STARTING:
            number = signal.SIGTERM  # SIGINT would make it write a traceback
        self.state = State.LEAVING
        if not self._told:
            self._told = number
            self._process.send_signal(number)

    def hand_on(self, number: int) -> None:
        """Send it a signal that it has a handler for, once it has."""
        if self.state is State.STARTING:
            self._later = [number]
        else:
            self._process.send_signal(number)

    def ended(self) -> int | None:
        """Return its status when it has ended, negative for a signal; None before."""
        return self._process.poll()

    def failed(self, status: int) -> bool:
        """Tell whether it has ended otherwise than it was told to.

        The signal itself ends it while it starts, and when it has nothing left to do but to exit.
        """
        return status not in (0, -self._told)

    def kill(self) -> None:
        """End it at once, and what it has started; unless that made itself independent."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)

    def wait(self) -> None:
        """Wait for its end, and close what belongs to it."""
        self._process.wait()
        self._release()

    def _release(self) -> None:
        self.control.close()
        if self._places is not None and self._place is not None:
            self._places.release(self._place)

    def _start(
        self, argv: Sequence[str], stdin: int, sockets: Mapping[str, socket.socket]
    ) -> subprocess.Popen[bytes]:
        variables = {name: str(sock.fileno()) for name, sock in sockets.items()}
        fds = [sock.fileno() for sock in sockets.values()]
        if self._places is not None and self._place is not None:
            variables[PLACE_VARIABLE] = f"{self._places.fd}:{self._place}"
            fds.append(self._places.fd)
        return subprocess.Popen(
            argv,
            stdin=stdin,
            pass_fds=fds,
            process_group=0,  # a terminal's Ctrl-C reaches them through us alone, once
            env=os.environ | variables,
        )

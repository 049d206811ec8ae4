"""Hands Ctrl-C on to the daemon. A signal handler can come in the middle of anything, so it only
makes a note (and ends the connection, if it is the second one); the C part of signal handling wakes
the main thread where that waits for output (`signal.set_wakeup_fd`). An interrupt stays noted until
the daemon has ended what runs.
"""

from __future__ import annotations

import select
import signal
import socket
from collections.abc import Callable
from contextlib import suppress

from ..._stream import Stream

AGAIN = 0.05
"""Seconds between two tries, while the daemon has not begun to run what it was sent."""


class Interrupts:
    """While it is entered, in the main thread, SIGINT doesn't raise KeyboardInterrupt.

    `interrupt` asks the daemon to interrupt what runs, and returns whether anything did; None when
    it can't. The connection is given up at the second SIGINT, or when `interrupt` can't. `tell`
    shows a line.
    """

    def __init__(
        self, stream: Stream, interrupt: Callable[[], bool | None], tell: Callable[[str], None]
    ) -> None:
        self._stream = stream
        self._interrupt = interrupt
        self._tell = tell
        self._is_told = False
        self._is_done = False
        self.noted = False
        self.given_up = False

    def __enter__(self) -> Interrupts:
        self._woken, self._wake = socket.socketpair()
        self._woken.setblocking(False)
        self._wake.setblocking(False)
        self._poller = select.poll()
        for sock in (self._stream.socket, self._woken):
            self._poller.register(sock, select.POLLIN)
        self._handler_before = signal.signal(signal.SIGINT, self._note)
        self._wake_before = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(self._wake_before)
        signal.signal(signal.SIGINT, self._handler_before)
        self._wake.close()
        self._woken.close()

    def _note(self, *_: object) -> None:
        if self.noted:
            self._give_up()
        self.noted = True

    def _give_up(self) -> None:
        self.given_up = True
        self._stream.abort()

    @property
    def _is_unheard(self) -> bool:
        return self.noted and not self._is_done and not self.given_up

    def wait(self) -> None:
        """Wait for the daemon; meanwhile, hand a signal on until it has an effect."""
        while True:
            if self._is_unheard:
                self._hand_on()
            if self._stream.has_input(0):
                return
            self._poller.poll(AGAIN * 1000 if self._is_unheard else None)
            with suppress(BlockingIOError):
                self._woken.recv(100)

    def _hand_on(self) -> None:
        if not self._is_told:
            self._is_told = True
            self._tell("(interrupting; once more to give this connection up)")
        answer = self._interrupt()
        self._is_done = bool(answer)
        if answer is None:
            self._give_up()

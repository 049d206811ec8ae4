"""Hands Ctrl-C on to the daemon. A signal handler can come in the middle of anything, so it only
makes a note; a thread does the rest, which is woken by the C part of signal handling (`signal.
set_wakeup_fd`): the main thread may wait elsewhere. An interrupt stays noted until the daemon has
ended what runs.
"""

from __future__ import annotations

import signal
import socket
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

AGAIN = 0.05
"""Seconds between two tries, while the daemon has not begun to run what it was sent."""


class Interrupts:
    """While it is entered, in the main thread, SIGINT doesn't raise KeyboardInterrupt.

    `interrupt` asks the daemon to interrupt what runs, and returns whether anything did; None when
    it can't. `give_up` ends the connection: at the second SIGINT, or when `interrupt` can't.
    `tell` shows a line. All three are called in a thread of this object.
    """

    def __init__(
        self,
        interrupt: Callable[[], bool | None],
        give_up: Callable[[], None],
        tell: Callable[[str], None],
    ) -> None:
        self._interrupt = interrupt
        self._give_up = give_up
        self._tell = tell
        self._woken, self._wake = socket.socketpair()
        self._wake.setblocking(False)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.noted = False
        self.given_up = False

    def __enter__(self) -> Interrupts:
        """Begin; the thread starts."""
        self._thread.start()
        self._handler_before = signal.signal(signal.SIGINT, self._note)
        self._wake_before = signal.set_wakeup_fd(self._wake.fileno(), warn_on_full_buffer=False)
        return self

    def __exit__(self, *_: object) -> None:
        """End; the thread has ended, too."""
        signal.set_wakeup_fd(self._wake_before)
        signal.signal(signal.SIGINT, self._handler_before)
        self._wake.close()
        self._thread.join()
        self._woken.close()

    def _note(self, _number: int, _frame: FrameType | None) -> None:
        self.noted = True

    def _run(self) -> None:
        if not self._next(None):
            return
        self.noted = True
        self._tell("(interrupting; once more to give this connection up)")
        answer: bool | None = False
        again = None
        while again is None and answer is False:
            answer = self._interrupt()
            if answer is False:
                again = self._next(AGAIN)
        if answer is not None and again is None:
            again = self._next(None)
        if answer is None or again:
            self.given_up = True
            self._give_up()

    def _next(self, seconds: float | None) -> bool | None:
        """Return True for a signal, False for the end, None when nothing comes in that time."""
        self._woken.settimeout(seconds)
        while True:
            try:
                numbers = self._woken.recv(1)
            except TimeoutError:
                return None
            if not numbers or numbers[0] == signal.SIGINT:
                return bool(numbers)

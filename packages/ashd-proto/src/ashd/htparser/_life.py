"""Telling others how far the front end is: the log, the service manager, the PID file, and the
process that waits for one in the background.

Called in the event loop's thread, and before there is a loop. A front end that another one has
started (`_workers`) tells nobody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence

from ._daemon import Daemon
from ._limits import LONGEST_SILENCE
from ._pidfile import PidFile
from ._start_log import end_start, logs_to_syslog
from ._systemd import NOBODY, Manager, Notifier

_log = logging.getLogger("ashd.htparser")


class Life:
    """See the module. Its methods are called in their order, `reloading` any number of times."""

    def __init__(self, manager: Manager = NOBODY, daemon: Daemon | None = None) -> None:
        """Tell a service manager, and in the background the process that waits for this one."""
        self._notifier = Notifier(manager.socket)
        self._watchdog = manager.watchdog
        self._daemon = daemon
        self._pid_file: PidFile | None = None
        self._is_stopping = False
        self._status = "waiting for the root handler to load"

    def started(self, pid_file: str) -> None:
        """The root handler has been started; raises `StartError`."""
        self._notifier.status(self._status)
        if pid_file:
            self._pid_file = PidFile(pid_file)

    def attach(self, loop: asyncio.AbstractEventLoop, last_heard: Callable[[], float]) -> None:
        """Tell the watchdog from `loop` on, unless a process wasn't heard of for too long."""
        if self._watchdog:
            period = self._watchdog / 2
            loop.call_later(period, self.attach, loop, last_heard)
            if loop.time() - last_heard() < max(period, LONGEST_SILENCE):
                self._notifier.alive()

    def ready(self, addresses: Sequence[str], served: str) -> None:
        """The root handler has loaded, and clients are served; `served` says what, or is empty."""
        self._status = f"listening on {', '.join(addresses)}" + (f" ({served})" if served else "")
        _log.info("%s", self._status)
        self._notifier.ready(self._status)
        end_start()
        if self._daemon is not None:
            self._daemon.ready(_log.info if logs_to_syslog() else lambda _: None)

    def reloading(self, reload: Callable[[], object]) -> None:
        """Call `reload` between the two messages that a service manager wants."""
        self._notifier.reloading()
        reload()
        self._notifier.ready(self._status)

    def stopping(self) -> None:
        """The end has begun; it may be said again."""
        if self._is_stopping:
            return
        self._is_stopping = True
        self._notifier.stopping()
        if self._pid_file is not None:
            self._pid_file.stopping()

    def ended(self) -> None:
        """Nothing is left to do but to exit."""
        self._notifier.close()
        if self._pid_file is not None:
            self._pid_file.ended()

"""The root handler's life: it is started, loads, serves, and is started again when it dies.

Called in the event loop's thread; `start` before there is a loop. A `RootHandler` owns the process
and the keeper of its requests.
"""

from __future__ import annotations

import logging
import math
import os
import select
import signal
from collections.abc import Callable
from enum import Enum

from ashd.proto._ready import DESCRIBED, READY_VARIABLE

from ._errors import FAILURE_STATUS, StartError
from ._health import Condition, Readiness
from ._interface import Front
from ._keeper import Keeper
from ._limits import HEALTHY_AGE, LONGEST_DELAY, LONGEST_LOADING_DELAY, SOON
from ._poller import Poller
from ._process import Backoff, Process, describe_status, reap_orphans, signal_group

_log = logging.getLogger("ashd.htparser")


class Phase(Enum):
    """How far the root handler is."""

    LOADING = "loading"
    """Its process runs; whether it receives is not known."""
    SERVING = "serving"
    """It has said so, has received a request, or has lived for a while without a word."""
    DOWN = "down"
    """It has died and is going to be started again."""
    FINISHING = "finishing"
    """It was told to finish."""
    ENDED = "ended"


_CONDITION = {Phase.LOADING: Condition.LOADING, Phase.SERVING: Condition.READY}
_LONGEST = {Phase.LOADING: LONGEST_LOADING_DELAY, Phase.SERVING: LONGEST_DELAY}


class RootHandler:
    """See the module. Create it, `start` it, then `attach` it to an event loop."""

    last_heard = math.inf  # see `Backend`: it is started again when it dies

    def __init__(
        self,
        argv: list[str],
        keeper: Keeper,
        *,
        respawn: bool,
        readiness: Readiness,
        on_start: Callable[[bool], object],
        on_ready: Callable[[], object],
    ) -> None:
        """Describe a handler; with `respawn` it is started again when it dies.

        `on_start` is called before each start, with whether there is a new socket to send to;
        `on_ready` when it has loaded for the first time. `readiness` is told how far it is.
        """
        self._argv = argv
        self._keeper = keeper
        self._respawn = respawn
        self._readiness = readiness
        self._on_start = on_start
        self._on_ready = on_ready
        self._phase = Phase.ENDED
        self._process: Process | None = None
        self._poller: Poller | None = None
        self._front: Front | None = None
        self._orphans: set[int] = set()  # process groups that dead handlers have left
        self._has_served = False
        self._must_reload = False
        self._reloads = False  # the process was told to, and may end to be started anew
        self._backoff = Backoff()

    def start(self) -> None:
        """Start the program in a session of its own; raises `StartError`."""
        self._on_start(self._keeper.prepare())
        self._enter(Phase.LOADING)  # from now on, a signal to reload is for this process
        environ = {**os.environ, READY_VARIABLE: DESCRIBED}
        self._process = Process(
            "the root handler", self._argv, stdin=self._keeper.fileno(), environ=environ
        )
        self._watch_process()

    def attach(self, poller: Poller, front: Front) -> None:
        """Work in an event loop; see `Backend`."""
        self._poller, self._front = poller, front
        self._keeper.attach(poller, self._loaded)
        self._watch_process()

    @property
    def draining(self) -> bool:
        """See `Backend`."""
        return False

    @property
    def ended(self) -> bool:
        """Whether there is no process, and none to come."""
        return self._phase is Phase.ENDED

    def reload(self) -> None:
        """Hand SIGHUP on, at once or when the handler has loaded: by default it would die of it."""
        if self._phase is Phase.LOADING:
            self._must_reload = True
        elif self._phase is Phase.SERVING and self._process is not None:
            self._process.send_signal(signal.SIGHUP)
            self._reloads = True

    def reopen_logs(self) -> None:
        """See `Backend`; SIGUSR1 is not for the handler, which may die of it."""

    def stop(self) -> None:
        """Tell the handler to finish, by end-of-file after the requests that it still gets."""
        self._keeper.end()
        if self._phase is Phase.DOWN:
            self._end()
        elif self._phase is not Phase.ENDED:
            self._enter(Phase.FINISHING)

    def terminate(self) -> None:
        """Ask what is left to end: it has had its time to finish."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
        self._signal_orphans(signal.SIGTERM)

    def kill(self) -> None:
        """Kill the process, and all that is left of its group and those of the ones before it."""
        if self._process is not None:
            self._process.kill_group()
        self._signal_orphans(signal.SIGKILL)

    def sweep(self, now: float) -> None:
        """Look after everything that makes no event."""
        self._keeper.sweep(now)
        self._process_ended()
        self._signal_orphans(0)
        reap_orphans()
        if self._phase is Phase.LOADING and (self._lives_long() or self._keeper.touched):
            self._loaded()

    def release(self) -> None:
        """Give up what is owned; the process is reaped if it has ended."""
        self._keeper.close()
        self._signal_orphans(signal.SIGKILL)
        if self._process is not None and self._process.status is not None:
            self._reap(self._process)

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._readiness.enter(_CONDITION.get(phase, Condition.DOWN))

    def _watch_process(self) -> None:
        process, poller = self._process, self._poller
        if process is not None and poller is not None and process.pidfd >= 0:
            poller.add(process.pidfd, select.EPOLLIN | select.EPOLLONESHOT, self._process_ended)

    def _lives_long(self) -> bool:
        """Tell whether it counts as loaded, as it has never said that it will say so."""
        old = self._process is not None and self._process.age >= HEALTHY_AGE
        return old and not self._keeper.promised

    def _loaded(self) -> None:
        if self._phase is not Phase.LOADING or self._process is None:
            return
        self._enter(Phase.SERVING)
        if self._has_served:
            _log.info("the root handler (process %d) serves again", self._process.pid)
        else:
            self._has_served = True
            self._on_ready()
        if self._must_reload:
            self._must_reload = False
            self.reload()

    def _process_ended(self, _: int = 0) -> None:
        process = self._process
        if process is None or self._phase is Phase.ENDED or process.status is None:
            return
        how = describe_status(process.status)
        if self._phase is Phase.LOADING and self._keeper.touched:
            self._loaded()
        if self._phase is Phase.FINISHING:
            self._end()
        elif self._phase is Phase.LOADING and not self._has_served:
            _log.error("the root handler ended %s before it served anything", how)
            self._end()
        elif not self._respawn:
            _log.error("the root handler ended %s; finishing what is running", how)
            self._end()
        else:
            self._reap(process)
            self._process = None
            self._orphans.add(process.pid)
            self._signal_orphans(0)
            level = logging.ERROR if process.status or not self._reloads else logging.INFO
            why = f"the root handler (process {process.pid}) ended {how}"
            age = 0.0 if self._phase is Phase.LOADING else process.age
            self._wait(why, age, level)

    def _end(self) -> None:
        """No process receives any more, and none will."""
        self._enter(Phase.ENDED)
        self._keeper.refuse()
        if self._front is not None:
            self._front.finish(FAILURE_STATUS)

    def _wait(self, why: str, age: float, level: int = logging.ERROR) -> None:
        """Wait for the next start."""
        delay = self._backoff.delay(age, _LONGEST.get(self._phase, LONGEST_LOADING_DELAY))
        self._enter(Phase.DOWN)
        self._must_reload = self._reloads = False
        _log.log(level, "%s; it is started again in %.1f s", why, delay)
        if delay > SOON:
            self._keeper.refuse()
        assert self._poller is not None
        self._poller.call_later(delay, self._start_again)

    def _start_again(self) -> None:
        if self._phase is not Phase.DOWN:
            return
        try:
            self.start()
        except StartError as error:
            self._wait(str(error), 0)

    def _signal_orphans(self, number: int) -> None:
        self._orphans = {group for group in self._orphans if signal_group(group, number)}

    def _reap(self, process: Process) -> None:
        assert self._poller is not None
        self._poller.forget(process.pidfd)
        process.reap()

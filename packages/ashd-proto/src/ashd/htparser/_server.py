"""The front end's life: what all connections share, the sweep over their deadlines, and the end.

Everything here runs in the thread of the event loop. A `Server` owns listeners, poller, queue and
backend; connections are their transports' own.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import math
import os
import signal
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

from ashd.proto._codec import encode_headers

from ._accepting import Accepting
from ._connection import Connection
from ._errors import FAILURE_STATUS
from ._health import Condition, Health, Readiness
from ._interface import Backend, OpenConnection, Served, ServedConnection
from ._keeper import framing_header
from ._life import Life
from ._limits import (
    HANDLER_EXIT_TIME,
    KILL_TIME,
    LAST_REQUESTS_TIME,
    Limits,
)
from ._listener import connect_transport
from ._peer import Arrival
from ._poller import Poller
from ._portspec import Port
from ._preface import Preface
from ._queue import RequestQueue
from ._record import Records
from ._renewal import renew_certificates
from ._stream import Stream

_log = logging.getLogger("ashd.htparser")


class Server:
    """All that runs between the root handler's start and the end of the process."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        queue: RequestQueue,
        backend: Backend,
        limits: Limits,
        life: Life | None = None,
        records: Records | None = None,
        readiness: Readiness | None = None,
        health: Health | None = None,
    ) -> None:
        """Share `queue`, `limits`, `records` and `health` among the connections to come.

        Tell `life` and `readiness` how it goes.
        """
        self.loop = loop
        self._life = life or Life()
        self.queue = queue
        self.backend = backend
        self.limits = limits
        self.records = records
        self.poller = Poller(loop)
        self.time = loop.time
        self.health = health
        self._readiness = readiness or Readiness()
        self._readiness.listen(self._condition_changed)
        self.stopping = False
        self.closing = False
        self._accepting = Accepting(
            *(loop, limits, self._clients, self.take, lambda: queue.crowded)
        )
        self.room = self._accepting.room
        self._status = 0
        self._connections: dict[OpenConnection, None] = {}
        self._opening: dict[ServedConnection, asyncio.Task[None]] = {}
        mine = f"{time.time_ns():x}-{os.getpid():x}"  # at any time, no other process has it
        self.connection_ids: Iterator[str] = map(
            "{}-{:x}".format, itertools.repeat(mine), itertools.count(1)
        )
        self._ports: set[Port] = set()
        self._turned_away = False
        self._makes_way = False
        self._stopped: asyncio.Future[int] = loop.create_future()
        self._interval = limits.sweep_interval
        self._drained = False
        self._signals = 0
        self._stop_deadline = math.inf
        # What is done when the time for the end is over, each if the one before didn't help.
        self._steps = iter((self._terminate, self.backend.kill, self._leave_clients))
        self._mark_time(self.time())

    async def serve(
        self,
        sockets: Sequence[tuple[Port, socket.socket]],
        others: Sequence[tuple[Port, socket.socket]] = (),
    ) -> int:
        """Serve on listening sockets until the end, and return the exit status.

        `others` are those of other processes, see `Accepting`.
        """
        self._accepting.listen(sockets, others)
        for number in (signal.SIGTERM, signal.SIGINT):
            self.loop.add_signal_handler(number, self._signalled)
        self._ports = {port for port, _ in sockets}
        self.loop.add_signal_handler(signal.SIGHUP, self._life.reloading, self._reload)
        self.loop.add_signal_handler(signal.SIGUSR1, self._reopen_logs)
        self.queue.attach(self.poller)
        self.backend.attach(self.poller, self)
        self._life.attach(self.loop, lambda: self.backend.last_heard)
        self._accepting.resume()
        self.loop.call_later(self._interval, self._sweep)
        if self.records is not None:
            self._tick(self.records)
        status = await self._stopped
        self.backend.release()
        self.poller.close()
        return status

    # Accepted connections

    def _clients(self) -> int:
        return len(self._connections) + len(self._opening)

    def take(self, sock: socket.socket, port: Port) -> None:
        """Serve a connection whose turn it is."""
        if port.proxy_header is None:
            self._open(sock, Arrival(port, None))
            return
        preface = Preface(self, port, sock)
        self._connections[preface] = None
        preface.begin()

    def _open(self, sock: socket.socket, arrival: Arrival) -> None:
        connection = Connection(self, arrival)
        port, later = arrival.port, self.poller.in_turns
        connecting = connect_transport(self.loop, later, connection, sock, port)
        task = self.loop.create_task(connecting)
        self._opening[connection] = task
        task.add_done_callback(lambda _: self._opening.pop(connection, None))

    # For connections that begin with a header of the PROXY protocol

    def preface_read(self, preface: Preface, sock: socket.socket, arrival: Arrival) -> None:
        """Serve a connection whose header is read."""
        self._connections.pop(preface)
        self._open(sock, arrival)

    def preface_closed(self, preface: Preface) -> None:
        """Forget a connection that has come to nothing."""
        self._forget(preface)

    # For connections

    def connection_opened(self, connection: ServedConnection) -> None:
        """Count a connection, and look after its deadlines."""
        self._opening.pop(connection, None)
        self._connections[connection] = None
        if not self.room.admit(connection.peer.address):
            connection.refuse(503, "Too many connections come from your address.")
        elif self.stopping:
            connection.close_when_done()

    def connection_switched(self, connection: ServedConnection, stream: Served) -> None:
        """Look after a stream in place of a connection."""
        del self._connections[connection]
        self._connections[stream] = None

    def connection_closed(self, connection: Served) -> None:
        """Forget a connection, or a stream."""
        self.room.leave(connection.peer.address)
        self._forget(connection)

    def _forget(self, connection: OpenConnection) -> None:
        self._connections.pop(connection, None)
        if self.stopping:
            self._stop_if_done()
        elif self._makes_way:
            self._stop_if_left()
        else:
            self._accepting.resume()

    # For the backend

    def finish(self, status: int) -> None:
        """See `Front`."""
        if self.stopping:
            self._stop_if_done()
            return
        self._status = status
        if self.closing and self._turn_away():
            self.loop.call_later(LAST_REQUESTS_TIME, self.finish, status)
        else:
            self._stop()

    def make_way(self) -> None:
        """See `Front`. What has been accepted here is served here, as it can be nowhere else."""
        if self.stopping:
            return
        self._makes_way = self.closing = True
        self.limits = replace(self.limits, idle_time=LAST_REQUESTS_TIME)
        self._stop_deadline = self.time() + self.limits.stop_time
        self._accepting.close()
        for connection in self._connections:
            connection.serve_last()
        self._stop_if_left()

    # Signals

    def _reload(self) -> None:
        renew_certificates(self._ports)
        self.backend.reload()

    def _reopen_logs(self) -> None:
        self.backend.reopen_logs()
        if self.records is not None:
            self.records.reopen()

    def _signalled(self) -> None:
        self._signals += 1
        if self.stopping and self._signals > 1:
            self.backend.kill()
            self._life.ended()
            if self.records is not None:
                self.records.close()
            os._exit(FAILURE_STATUS)
        if self.limits.drain_time and self._readiness.has_served and not self.closing:
            self._drain()
        elif not self.stopping:
            self._stop()

    # The end

    def _condition_changed(self, condition: Condition) -> None:
        self.closing = self._makes_way or condition is Condition.DRAINING

    def _turn_away(self) -> bool:
        """Let no new connection begin; return whether to wait for those that have begun."""
        if self._turned_away:
            return False
        self._turned_away = True
        return self._accepting.turn_away() or self._accepting.taken > 0

    def _drain(self) -> None:
        """Serve for some more time, in which others learn that clients shouldn't come here."""
        seconds = self.limits.drain_time
        _log.info("serving for another %g s, and not ready for more", seconds)
        self._life.stopping()
        self._readiness.enter(Condition.DRAINING)
        self.loop.call_later(seconds, self.finish, self._status)

    def _stop(self) -> None:
        self.stopping = True
        self._life.stopping()
        self._readiness.enter(Condition.DRAINING)
        self._stop_deadline = min(self._stop_deadline, self.time() + self.limits.stop_time)
        if self.backend.draining:
            self._stop_deadline += KILL_TIME  # other processes cut their streams first
        self._accepting.close()
        self.queue.end()
        self.backend.stop()
        for connection in list(self._connections):
            connection.close_when_done()
        self._stop_if_done()

    def _stop_if_left(self) -> None:
        if not self._accepting.taken:
            self._stop()

    def _stop_if_done(self) -> None:
        """End when nothing is left to do; the handler has a while to exit before us."""
        if self._accepting.taken or self.backend.draining or self._stopped.done():
            return
        if self.backend.ended:
            self._stopped.set_result(self._status)
        elif not self._drained:
            self._drained = True
            self.poller.close_drains()
            exit_deadline = self.loop.time() + HANDLER_EXIT_TIME
            self._stop_deadline = min(self._stop_deadline, exit_deadline)

    def _force(self, now: float) -> None:
        """Take the next step to an end that doesn't come by itself."""
        self._stop_deadline = now + KILL_TIME
        if not self._cut_streams():
            self._status = FAILURE_STATUS
            next(self._steps)()

    def _cut_streams(self) -> bool:
        """End what has no end of its own; tell whether there was any."""
        streams = [one for one in self._connections if isinstance(one, Stream)]
        for stream in streams:
            stream.leave()
        return bool(streams)

    def _terminate(self) -> None:
        _log.error("not everything was finished in time; ending what is left")
        self.backend.terminate()

    def _leave_clients(self) -> None:
        self._accepting.drop()
        for connection in list(self._connections):
            connection.leave()
        self._stopped.set_result(self._status)

    # Each second

    def _tick(self, records: Records) -> None:
        """Let it know of each second when that begins."""
        self.loop.call_later(1.001 - time.time() % 1, self._tick, records)
        records.tick()

    def _sweep(self) -> None:
        """Look at every deadline."""
        self.loop.call_later(self._interval, self._sweep)
        now = self.time()
        self._mark_time(now)
        self.queue.sweep(now)
        self.backend.sweep(now)
        for connection in list(self._connections):
            if now >= connection.deadline or now >= connection.write_deadline:
                connection.expire(now)
        if self.stopping:
            self._stop_if_done()
        if now >= self._stop_deadline and not self._stopped.done():
            self._force(now)
        self._accepting.sweep()

    def _mark_time(self, now: float) -> None:
        """Say until when requests may wait, once for all until the next sweep."""
        self.queue_deadline = now + self._interval + self.limits.queue_time
        self.framing = encode_headers([framing_header(self.queue_deadline)])

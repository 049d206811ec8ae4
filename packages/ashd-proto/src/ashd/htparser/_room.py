"""How many clients there may be, and who gives way when one more comes.

Clients that wait stand in lines, one for each state in `GIVING_WAY`: those that have had their
answer, idle ones, unfinished heads, bodies, unread responses. A new client takes the place of the
first in the first line. So clients that stall keep nobody out, and one that sends its request at
once is served.

Called in the event loop's thread. A call takes the same time, however many clients there are.
"""

from __future__ import annotations

import logging
import resource
import socket
from collections.abc import Callable
from itertools import islice
from typing import Protocol

from ._forwarded import UNIX
from ._limits import (
    CANDIDATES,
    GUESTS,
    HANDLER_DESCRIPTORS,
    MOST_GUESTS,
    SPARE_DESCRIPTORS,
    STALLING_CANDIDATES,
)
from ._states import GIVING_WAY, STALLING, State

_log = logging.getLogger("ashd.htparser")


class Client(Protocol):
    """What the room has to know of a client."""

    line: dict[Client, float] | None
    """The line in which it stands; the room's own."""

    def stirs(self, now: float) -> bool:
        """Tell whether it does what it is waited for, though nobody has taken note so far."""

    def give_way(self) -> None:
        """Leave for another client."""


class Room:
    """See the module."""

    def __init__(self, places: int, per_address: int, on_room: Callable[[], None]) -> None:
        """Have that many places, and `per_address` for one address (0: all of them; so for Unix
        sockets, over which a proxy sends the requests of many).

        `on_room` is called when a client could give way, after `make` found none.
        """
        self._places = places
        self._guests = min(MOST_GUESTS, places // GUESTS)
        self._per_address = per_address
        self._of_address: dict[bytes, int] = {}
        self._leaving: set[Client] = set()
        self._on_room = on_room
        self.wanted = False
        """Whether a client waits for a place, and nobody gives way."""
        self._lines: dict[State, dict[Client, float]] = {state: {} for state in GIVING_WAY}

    def has_place(self, taken: int) -> bool:
        """Tell whether one more may come, when that many are there."""
        return taken - len(self._leaving) < self._places

    def takes_guest(self, taken: int) -> bool:
        """Tell whether one more may come all the same, when nobody gives way to it."""
        self.wanted = taken - len(self._leaving) >= self._places + self._guests
        return not self.wanted

    def make(self, now: float) -> bool:
        """Let a client give way; tell whether there is one."""
        for state in GIVING_WAY:
            client = self._first(state, now)
            if client is not None:
                self._leaving.add(client)
                self.wanted = False
                client.give_way()
                return True
        self.wanted = True
        return False

    def _first(self, state: State, now: float) -> Client | None:
        line, patience = self._lines[state], STALLING.get(state, 0.0)
        candidates = STALLING_CANDIDATES if patience else CANDIDATES
        for client, since in list(islice(line.items(), candidates)):
            if now - since < patience:
                return None
            if state is State.CLOSING or not client.stirs(now):
                return client
            del line[client]  # it is asked again when the others were
            line[client] = now if patience else since
        return None

    def stand(self, client: Client, state: State, now: float) -> None:
        """Put a client at the end of the line for its state, one of `GIVING_WAY`."""
        if client.line is not None:
            del client.line[client]
        client.line = line = self._lines[state]
        line[client] = now
        if self.wanted and state not in STALLING:
            self.wanted = False
            self._on_room()

    def step_out(self, client: Client) -> None:
        """Take a client out of its line: it is not to blame for waiting."""
        if client.line is not None:
            del client.line[client]
            client.line = None

    def forget(self, client: Client) -> None:
        """Its place is free."""
        self.step_out(client)
        self._leaving.discard(client)
        self.wanted = False

    def admit(self, address: bytes) -> bool:
        """Count a client of this address; tell whether there may be so many."""
        network = _network(address)
        count = self._of_address[network] = self._of_address.get(network, 0) + 1
        return not 0 < self._per_address < count or address == UNIX

    def leave(self, address: bytes) -> None:
        """Count the client no longer."""
        network = _network(address)
        self._of_address[network] -= 1
        if not self._of_address[network]:
            del self._of_address[network]


def _network(address: bytes) -> bytes:
    """Return the network of one client, which with IPv6 can choose from 64 bits of addresses."""
    if b":" not in address:
        return address
    return socket.inet_pton(socket.AF_INET6, address.decode("ascii"))[:8]


def warn_of_descriptors(wanted: int) -> None:
    """Log that the root handler, which gets our limit, can't have that many requests at a time.

    Clients that stall would take all of its descriptors before anyone had to give way.
    """
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if limit != resource.RLIM_INFINITY and wanted > limit - HANDLER_DESCRIPTORS:
        _log.warning(
            "--connections %d: the root handler may open only %d files, and each request takes one;"
            " allow more (ulimit -n, LimitNOFILE= of systemd)",
            *(wanted, limit),
        )


def place_bound(wanted: int) -> int:
    """Return how many clients there can be, as each needs up to two descriptors.

    The root handler, which runs already, keeps the limit that it was started with.
    """
    needed = 2 * wanted + SPARE_DESCRIPTORS
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return max(1, min(wanted, (soft - SPARE_DESCRIPTORS) // 2))

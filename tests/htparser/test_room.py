"""Who may come, and who gives way."""

from __future__ import annotations

import pytest

from ashd.htparser._limits import CANDIDATES, QUIET_TIME, STALLING_CANDIDATES
from ashd.htparser._room import Client, Room
from ashd.htparser._states import FOLLOWERS, GIVING_WAY, STALLING, State


class Guest:
    """A client, as far as the room knows it."""

    def __init__(self, *, alive: bool = False) -> None:
        self.line: dict[Client, float] | None = None
        self.alive = alive
        self.gone = False

    def stirs(self, now: float) -> bool:  # noqa: ARG002
        return self.alive

    def give_way(self) -> None:
        self.gone = True


def room(per_address: int = 0) -> Room:
    return Room(10, per_address, lambda: None)


def test_every_state_has_its_followers() -> None:
    assert FOLLOWERS.keys() == set(State)
    for followers in FOLLOWERS.values():
        assert State.CLOSED in followers


def test_the_order_in_which_clients_give_way() -> None:
    guests = {state: Guest() for state in reversed(GIVING_WAY)}
    hall = room()
    for state, guest in guests.items():
        hall.stand(guest, state, 0)
    for state in GIVING_WAY:
        assert not guests[state].gone
        assert hall.make(QUIET_TIME)
        assert guests[state].gone
        hall.forget(guests[state])
    assert not hall.make(QUIET_TIME)


@pytest.mark.parametrize("state", sorted(STALLING))
def test_clients_that_are_busy_give_way_when_they_stop(state: State) -> None:
    hall, first, second = room(), Guest(alive=True), Guest(alive=True)
    hall.stand(first, state, 0)
    hall.stand(second, state, 1)
    soon = STALLING[state]
    assert not hall.make(soon + 0.5)
    first.alive = second.alive = False
    assert hall.make(soon + 1)
    assert (first.gone, second.gone) == (False, True), "the first one has just been busy"
    hall.forget(second)
    assert hall.make(2 * soon + 1)
    assert first.gone


@pytest.mark.parametrize("state", sorted(STALLING))
def test_one_that_has_stopped_is_found_among_many_that_are_busy(state: State) -> None:
    hall, stopped = room(), Guest()
    for _ in range(5 * STALLING_CANDIDATES):
        hall.stand(Guest(alive=True), state, 0)
    hall.stand(stopped, state, 0)
    looks = [hall.make(STALLING[state]) for _ in range(6)]
    assert looks == [False] * 5 + [True]
    assert stopped.gone


def test_a_client_whose_bytes_are_there_stays() -> None:
    hall, silent = room(), Guest()
    for _ in range(CANDIDATES - 1):
        hall.stand(Guest(alive=True), State.IDLE, 0)
    hall.stand(silent, State.IDLE, 0)
    assert hall.make(0)
    assert silent.gone


def test_clients_that_stir_without_end_stand_before_nobody() -> None:
    """Encrypted bytes can trickle in, and be no part of a request for long."""
    hall, silent = room(), Guest()
    for _ in range(2 * CANDIDATES):
        hall.stand(Guest(alive=True), State.HEAD, 0)
    hall.stand(silent, State.HEAD, 0)
    assert [hall.make(0) for _ in range(3)] == [False, False, True]
    assert silent.gone


def test_a_place_is_free_when_a_client_is_on_its_way_out() -> None:
    hall, guest = room(), Guest()
    hall.stand(guest, State.IDLE, 0)
    assert hall.has_place(9)
    assert not hall.has_place(10)
    assert hall.make(0)
    assert hall.has_place(10)
    hall.forget(guest)
    assert not hall.has_place(10)


def test_addresses_of_one_network_count_together() -> None:
    hall = room(per_address=2)
    for first, second, third, other in (
        (b"192.0.2.1", b"192.0.2.1", b"192.0.2.1", b"192.0.2.2"),
        (b"2001:db8::1", b"2001:db8::2", b"2001:db8:0:0:ffff::", b"2001:db8:0:1::1"),
    ):
        assert hall.admit(first)
        assert hall.admit(second)
        assert not hall.admit(third)
        assert hall.admit(other)
        for address in (first, second, third, other):
            hall.leave(address)
        assert hall.admit(third)


def test_somebody_is_told_when_there_is_room_again() -> None:
    calls: list[str] = []
    hall = Room(10, 0, lambda: calls.append("room"))
    hall.stand(Guest(), State.IDLE, 0)
    assert not calls
    assert hall.make(0)
    assert not room().make(0)
    empty = Room(10, 0, lambda: calls.append("room"))
    assert not empty.make(0)
    empty.stand(Guest(), State.BODY, 0)
    assert not calls
    empty.stand(Guest(), State.IDLE, 0)
    empty.stand(Guest(), State.IDLE, 0)
    assert calls == ["room"]


def test_a_few_come_as_guests_while_nobody_gives_way() -> None:
    hall = Room(320, 0, lambda: None)
    assert not hall.make(0)
    assert [hall.takes_guest(taken) for taken in (320, 329, 330)] == [True, True, False]
    assert hall.wanted
    assert not Room(30, 0, lambda: None).takes_guest(30)

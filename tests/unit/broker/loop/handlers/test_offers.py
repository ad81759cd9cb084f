"""Who hears what became of a file that was offered: all who may know of it and are online, nobody else."""

import os
from collections import Counter

import pytest

from cnmessage_broker.between import Begin, Complete, Finished, Open
from cnmessage_broker.loop.handlers.offers import MOST_TOLD
from cnmessage_broker.loop.waits import OnWriter
from cnmessage_protocol.deliveries import OfferState, parse_delivery
from cnmessage_protocol.files.channel import Get, Put
from cnmessage_protocol.requests import Block, Decline, Request, Withdraw
from tests.unit.broker.conftest import Room


def offer(room: Room, key: str, *to: str, name: str = "a.txt", expires: int | None = None) -> bytes:
    """A whole file; gives its id."""
    begun = room.ask(key, Begin(os.urandom(16), Put(name, 5, to, expires=expires)))
    room.ask(key, Complete(begun.file, b"d" * 32))
    return bytes(begun.file)


def told(room: Room) -> list[tuple[str, str]]:
    """Who was told which state since the last look, in order of name."""
    pushes = [push for push in room.pushed if push.kind == OfferState.KIND]
    room.pushed.clear()
    for push in pushes:
        assert isinstance(parse_delivery([push.kind, push.values]), OfferState)
    return sorted((push.listener.name, push.values["state"]) for push in pushes)


def test_all_who_are_online_hear_that_a_file_was_taken_back_once_its_sender_too(room: Room) -> None:
    alice, bob, carol, dave = room.users("alice", "bob", "carol", "dave")
    for key in (alice, bob, bob, dave):
        room.attach(key)
    file = offer(room, alice, "bob", "carol")
    del carol  # offline
    for _ in range(2):
        room.ask(alice, Withdraw(file))
    assert told(room) == [("alice", "withdrawn"), ("bob", "withdrawn"), ("bob", "withdrawn")]


def test_who_was_withheld_from_hears_nothing_of_a_file(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    room.ask(bob, Block("alice"))
    for key in (bob, carol):
        room.attach(key)
    room.ask(alice, Withdraw(offer(room, alice, "bob", "carol")))
    assert told(room) == [("carol", "withdrawn")]


def test_an_upload_that_is_given_up_was_offered_to_nobody(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for key in (alice, bob):
        room.attach(key)
    begun = room.ask(alice, Begin(os.urandom(16), Put("a.txt", 5, ("bob",))))
    room.ask(alice, Withdraw(begun.file))
    assert told(room) == []


def test_a_file_to_oneself_is_told_of_once(room: Room) -> None:
    (alice,) = room.users("alice")
    room.attach(alice)
    room.ask(alice, Withdraw(offer(room, alice, "alice")))
    assert told(room) == [("alice", "withdrawn")]


def test_they_hear_when_its_time_is_over_and_only_once(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for key in (alice, bob):
        room.attach(key)
    offer(room, alice, "bob", expires=60)
    room.wall += 59
    room.perform(room.sweep())
    assert told(room) == []
    for seconds in (1, 100_000):
        room.wall += seconds
        room.monotonic += seconds
        room.perform(room.sweep())
    assert told(room) == [("alice", "expired"), ("bob", "expired")]


@pytest.mark.parametrize("again", [lambda file: Open(file, Get()), lambda file: Finished(file, whole=True)])
def test_who_declines_hears_so_wherever_they_are_and_when_they_fetch_it_after_all(
    room: Room, again: type[Request]
) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    for key in (alice, bob, bob, carol):
        room.attach(key)
    file = offer(room, alice, "bob", "carol")
    for _ in range(2):
        room.ask(bob, Decline(file))
    assert told(room) == [("bob", "declined")] * 2
    room.ask(bob, again(file))
    assert told(room) == [("bob", "offered")] * 2


def test_at_most_so_many_are_told_at_once() -> None:
    room = Room(listeners_per_user=MOST_TOLD, max_listeners=3 * MOST_TOLD)
    alice, *others = room.users("alice", "bob", "carol")
    for key in others:
        for _ in range(MOST_TOLD * 2 // 3):
            room.attach(key)
    room.ask(alice, Withdraw(offer(room, alice, "bob", "carol")))
    assert Counter(name for name, _ in told(room)).total() == MOST_TOLD


def test_once_a_file_has_ended_nothing_is_waited_for_or_a_stop_would_leave_it_unsaid(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for key in (alice, bob):
        room.attach(key)
    file = offer(room, alice, "bob")
    offer(room, alice, "bob", expires=60)
    room.wall += 61

    def ended() -> None:
        room.perform(room.sweep())

    for end in (lambda: room.ask(bob, Decline(file)), lambda: room.ask(alice, Withdraw(file)), ended):
        room.waits.clear()
        end()
        assert room.waits[-1] is OnWriter
    assert ("bob", "expired") in told(room)

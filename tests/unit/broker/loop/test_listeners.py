"""Listeners: who is online, what may be pushed to whom, which comings and goings are news."""

import os

import pytest

from cnmessage_broker.loop.listeners import WINDOW_BYTES, Event, Listener, Listeners
from cnmessage_broker.store.ports.records import Device
from cnmessage_protocol.ids import UserName
from cnmessage_protocol.machines.liveness import EXPIRY

ALICE, BOB = 1, 2
NAMES = {ALICE: UserName("alice"), BOB: UserName("bob")}


@pytest.fixture
def online() -> Listeners:
    return Listeners(os.urandom)


def add(online: Listeners, owner: int, key: str = "key", now: float = 0.0) -> tuple[Listener, bool]:
    return online.add(Device(7, key, owner, "", 0, 0), NAMES[owner], now)


def test_the_first_listener_brings_its_owner_online_the_last_takes_them_off(online: Listeners) -> None:
    first, came = add(online, ALICE)
    second, came_again = add(online, ALICE)
    assert (came, came_again) == (True, False)
    assert online.online(ALICE)
    assert not online.online(BOB)
    assert set(online.online_owners()) == {ALICE}
    assert online.remove(first) is False
    assert online.online(ALICE)
    assert online.remove(second) is True
    assert not online.online(ALICE)
    assert len(online) == 0


def test_removing_again_is_not_a_second_departure(online: Listeners) -> None:
    first, _ = add(online, ALICE)
    assert online.remove(first) is True
    assert online.remove(first) is False
    add(online, ALICE)
    assert online.remove(first) is False
    assert online.online(ALICE)


def test_topics_and_keys_are_fresh_for_each_listener(online: Listeners) -> None:
    made = [add(online, ALICE)[0] for _ in range(20)]
    assert len({each.topic for each in made}) == len({each.key for each in made}) == 20
    assert {len(each.topic) for each in made} == {16}
    assert {len(each.key) for each in made} == {32}


def test_a_topic_is_of_use_only_to_the_device_it_was_told(online: Listeners) -> None:
    mine, _ = add(online, ALICE, "mine")
    assert online.get(mine.topic, "mine") is mine
    assert online.get(mine.topic, "stolen") is None
    assert online.get(b"?" * 16, "mine") is None
    online.remove(mine)
    assert online.get(mine.topic, "mine") is None


def test_listeners_are_found_by_owner_and_by_device(online: Listeners) -> None:
    laptop, _ = add(online, ALICE, "laptop")
    phone, _ = add(online, ALICE, "phone")
    other, _ = add(online, BOB, "other")
    assert list(online.of(ALICE)) == [laptop, phone]
    assert online.of_device("phone", ALICE) == [phone]
    assert online.of_device("phone", BOB) == []
    assert list(online.all()) == [laptop, phone, other]
    assert list(online.of(99)) == []


def test_silence_longer_than_the_expiry_ends_an_listener(online: Listeners) -> None:
    silent, _ = add(online, ALICE, now=10.0)
    lively, _ = add(online, BOB, now=10.0)
    lively.liveness.heard(12.0)
    assert online.expired(10.0 + EXPIRY) == []
    assert online.expired(10.1 + EXPIRY) == [silent]
    assert online.expired(5.0) == []


def test_nothing_is_pushed_before_the_subscription_is_granted(online: Listeners) -> None:
    listener, _ = add(online, ALICE)
    assert listener.take([(1, 10)]) == 0
    online.step(listener, Event.HELLO)
    assert listener.take([(1, 10)]) == 1


def test_a_slow_reader_is_sent_a_window_and_no_more_until_it_confirms(online: Listeners) -> None:
    fifth = WINDOW_BYTES // 5
    listener, _ = add(online, ALICE)
    online.step(listener, Event.HELLO)
    assert (
        listener.take([(seq, fifth) for seq in range(1, 50)]) == 6
    )  # the one that crosses the line still goes
    listener.confirmed(0)
    assert listener.take([(7, fifth)]) == 0
    listener.confirmed(3)
    assert [listener.take([(seq, fifth)]) for seq in (7, 8, 9, 10)] == [1, 1, 1, 0]
    listener.confirmed(99)
    assert listener._bytes == 0
    assert not listener._unconfirmed


def test_news_are_told_once_with_the_latest_state(online: Listeners) -> None:
    alice, _ = add(online, ALICE)
    assert online.take_changes() == [("alice", True)]
    assert online.take_changes() == []
    add(online, BOB)
    online.remove(alice)
    assert sorted(online.take_changes()) == [("alice", False), ("bob", True)]


def test_who_comes_and_goes_between_two_tellings_is_no_news(online: Listeners) -> None:
    for _ in range(3):
        online.remove(add(online, ALICE)[0])
    assert online.take_changes() == []
    alice, _ = add(online, ALICE)
    assert online.take_changes() == [("alice", True)]
    for _ in range(3):  # a flapping link
        online.remove(alice)
        alice, _ = add(online, ALICE)
    assert online.take_changes() == []
    online.remove(alice)
    assert online.take_changes() == [("alice", False)]


def test_a_second_program_is_no_news(online: Listeners) -> None:
    add(online, ALICE)
    online.take_changes()
    second, _ = add(online, ALICE)
    online.remove(second)
    assert online.take_changes() == []

"""Deliveries leave in order, some at a time, and all at the end."""

from collections.abc import Iterator

from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_broker.loop.publisher import Publisher
from cnmessage_broker.store.ports.records import Device
from cnmessage_protocol.ids import UserName


class Door:
    """Where deliveries arrive; each takes a second."""

    def __init__(self) -> None:
        self.now = 0.0
        self.came: list[str] = []
        device = Device(1, "key", 1, "", 0, 0)
        self._listener, _ = Listeners(bytes).add(device, UserName("alice"), 0.0)

    def publish(self, push: Push, now: float) -> None:
        assert now == self.now
        self.came.append(push.kind)
        self.now += 1.0

    def pushes(self, *kinds: str) -> Iterator[Push]:
        for kind in kinds:
            yield Push(self._listener, kind, {})


def test_a_bite_ends_in_time_and_the_next_goes_on_where_it_was() -> None:
    door = Door()
    publisher = Publisher(door.publish, lambda: door.now)
    publisher.put(door.pushes(*"abcdefg"))
    publisher.bite(1.5)
    assert door.came == ["a", "b"]
    assert len(publisher) == 1
    publisher.bite(2.5)
    assert door.came == [*"abcde"]
    publisher.bite(100.0)
    assert door.came == [*"abcdefg"]
    assert len(publisher) == 0


def test_what_was_handed_over_first_leaves_first() -> None:
    door = Door()
    publisher = Publisher(door.publish, lambda: door.now)
    for kinds in ("abc", "", "de", "f"):
        publisher.put(door.pushes(*kinds))
    publisher.bite(0.0)
    publisher.put(door.pushes(*"gh"))
    publisher.last(100.0)
    assert door.came == [*"abcdefgh"]


def test_the_more_waits_the_longer_is_a_bite() -> None:
    door = Door()
    publisher = Publisher(door.publish, lambda: door.now)
    for _ in range(3):
        publisher.put(door.pushes(*"abcdefgh"))
    publisher.bite(1.0)
    assert len(door.came) == 4


def test_they_are_made_when_they_leave() -> None:
    door = Door()
    publisher = Publisher(door.publish, lambda: door.now)
    made: list[str] = []

    def pushes() -> Iterator[Push]:
        for push in door.pushes(*"ab"):
            made.append(push.kind)
            yield push

    publisher.put(pushes())
    assert made == []
    publisher.bite(0.0)
    assert made == ["a"]


def test_at_the_end_what_does_not_leave_in_time_is_dropped() -> None:
    door = Door()
    publisher = Publisher(door.publish, lambda: door.now)
    for _ in range(3):
        publisher.put(door.pushes(*"abcd"))
    publisher.last(4.5)
    assert door.came == [*"abcda"]
    assert len(publisher) == 0

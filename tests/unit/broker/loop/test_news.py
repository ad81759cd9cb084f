"""Who came and went is told to everybody, but neither all at once nor more often than there is time for."""

import os

from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Event, Listener, Listeners
from cnmessage_broker.loop.news import BITE, INTERVAL, RATE, ROWS, News
from cnmessage_broker.net.link import NOWHERE, Link
from cnmessage_broker.store.ports.records import Device
from cnmessage_protocol.ids import UserName


class Hall:
    """Listeners, each greeted as soon as it comes."""

    def __init__(self) -> None:
        self.listeners = Listeners(os.urandom)
        self.news = News(self.listeners)
        self.here: list[Listener] = []

    def come(self, count: int) -> None:
        """So many more users."""
        for number in range(len(self.here), len(self.here) + count):
            device = Device(number, f"key{number}", number, "", 0, 0)
            listener, _ = self.listeners.add(device, UserName(f"user{number}"), 0.0)
            self.listeners.grant(listener, Link(NOWHERE, 0.0), lambda: False)
            self.here.append(listener)

    def round(self, now: float) -> list[Push]:
        """All bites of the round that begins now, if one does."""
        self.news.look(now)
        told = []
        while self.news.telling:
            told += list(self.news.bite())
        return told


def test_everybody_hears_once_of_all_who_came() -> None:
    hall = Hall()
    hall.come(3)
    told = hall.round(1.0)
    assert [push.listener for push in told] == hall.here
    assert {tuple(row) for row in told[0].values["changes"]} == {(f"user{n}", True) for n in range(3)}
    assert hall.round(1.0 + INTERVAL) == []


def test_a_turn_tells_a_bite_only() -> None:
    hall = Hall()
    hall.come(2 * BITE + 1)
    hall.news.look(1.0)
    sizes = []
    while hall.news.telling:
        sizes.append(len(list(hall.news.bite())))
    assert sizes == [BITE, BITE, 1]


def test_few_are_told_each_second_and_a_storm_as_often_as_there_is_time() -> None:
    hall = Hall()
    hall.come(10)
    assert hall.round(1.0)
    hall.come(1)
    assert not hall.round(1.0 + INTERVAL / 2)
    assert hall.round(1.0 + INTERVAL)
    hall.come(1000)
    assert len(hall.round(10.0)) == 1011
    due = 10.0 + (1011 + 1000 * 1011 / ROWS) / RATE
    hall.come(1)
    assert not hall.round(due - 0.1)
    assert len(hall.round(due + 0.1)) == 1012


def test_who_came_and_went_between_two_rounds_is_no_news() -> None:
    hall = Hall()
    hall.come(2)
    hall.round(1.0)
    hall.come(1)
    hall.listeners.remove(hall.here.pop(), Event.DETACHED)
    assert hall.round(1.0 + INTERVAL) == []


def test_who_leaves_while_others_are_told_is_not_told() -> None:
    hall = Hall()
    hall.come(BITE + 2)
    hall.news.look(1.0)
    list(hall.news.bite())
    gone = hall.here[-1]
    hall.listeners.remove(gone, Event.DETACHED)
    assert [push.listener for push in hall.news.bite()] == [hall.here[-2]]

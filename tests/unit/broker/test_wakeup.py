"""A wakeup is readable from a ring until it is drained, however often it was rung."""

import select

from cnmessage_broker.wakeup import Wakeup


def readable(wakeup: Wakeup) -> bool:
    return bool(select.select([wakeup.fileno()], [], [], 0)[0])


def test_any_number_of_rings_is_one_wakeup() -> None:
    wakeup = Wakeup()
    assert not readable(wakeup)
    for _ in range(100_000):  # more than its buffer takes
        wakeup.ring()
    assert readable(wakeup)
    wakeup.drain()
    assert not readable(wakeup)
    wakeup.ring()
    assert readable(wakeup)
    wakeup.close()


def test_a_ring_after_the_end_does_nothing() -> None:
    wakeup = Wakeup()
    wakeup.close()
    wakeup.ring()

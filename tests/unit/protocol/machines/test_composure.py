"""Pauses towards a broker that hangs up, refuses or spins; each grows, and shrinks once things go well."""

from cnmessage_protocol.machines.composure import STEADY, Composure
from cnmessage_protocol.machines.liveness import BACKOFF_LIMIT

NO_CHANCE = 1.0


def composure() -> Composure:
    return Composure(lambda: NO_CHANCE)


def test_links_that_break_soon_after_they_stood_are_left_alone_ever_longer() -> None:
    temper, now, pauses = composure(), 0.0, []
    for _ in range(8):
        temper.joined(now)
        pauses.append(temper.lost(now + STEADY / 2))
        now += STEADY
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.2, BACKOFF_LIMIT)


def test_a_link_that_lasted_begins_with_short_pauses_again() -> None:
    temper = composure()
    long = [temper.lost(0.0) for _ in range(8)][-1]
    temper.joined(100.0)
    assert temper.lost(100.0 + STEADY) < long


def test_to_be_disowned_once_is_nothing_and_twice_is_a_habit() -> None:
    temper = composure()
    assert temper.disowned(0.0) is None
    first, second = temper.disowned(STEADY / 2), temper.disowned(STEADY)
    assert first is not None
    assert second is not None
    assert second > first
    assert temper.disowned(3 * STEADY) is None


def test_reads_and_marks_that_are_refused_wait_longer_each_time_until_one_is_taken() -> None:
    temper = composure()
    assert [temper.fetch_failed() for _ in range(3)] == [0.2, 0.4, 0.8]
    temper.fetched()
    assert temper.fetch_failed() == 0.2
    temper.ack_refused(5.0)
    temper.ack_refused(6.0)
    assert temper.ack_at == 6.4
    temper.ack_taken()
    temper.ack_refused(7.0)
    assert temper.ack_at == 7.2

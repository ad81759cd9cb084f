"""Pauses towards a broker that hangs up, refuses or spins; each grows, and shrinks once things go well."""

from cnmessage_protocol.machines.composure import (
    JOIN_PATIENCE,
    LONGEST_JOIN,
    PATIENCE_LIMIT,
    STEADY,
    Composure,
)
from cnmessage_protocol.machines.liveness import BACKOFF_FIRST, BACKOFF_LIMIT, EXPIRY

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


def test_a_link_that_did_not_last_gives_the_next_one_longer() -> None:
    temper, given = composure(), []
    for _ in range(5):
        given.append(temper.patience)
        temper.lost(0.0)
    assert given == [EXPIRY, 2 * EXPIRY, PATIENCE_LIMIT, PATIENCE_LIMIT, PATIENCE_LIMIT]
    temper.joined(100.0)
    temper.lost(100.0 + STEADY / 2)
    assert temper.patience == PATIENCE_LIMIT, "it did not last"
    temper.joined(200.0)
    temper.lost(200.0 + STEADY)
    assert temper.patience == EXPIRY


def test_a_hello_that_does_not_come_is_waited_for_ever_longer_until_one_comes() -> None:
    temper = composure()
    waits = [temper.joining() for _ in range(6)]
    assert waits == [JOIN_PATIENCE, 2.0, 4.0, LONGEST_JOIN, LONGEST_JOIN, LONGEST_JOIN]
    temper.joined(0.0)
    assert temper.joining() == JOIN_PATIENCE


def test_those_whom_one_event_cut_off_come_back_over_the_whole_time() -> None:
    first = [Composure(lambda chance=chance: chance / 10).lost(0.0) for chance in range(11)]  # type: ignore[misc]
    assert min(first) > 0.0, "nobody comes back without any pause"
    assert max(first) == BACKOFF_FIRST
    assert min(first) < BACKOFF_FIRST / 8

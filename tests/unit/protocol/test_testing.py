"""The test kit itself: a faulty link that is not faulty as told would prove nothing."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.testing import FakeClock, Fate, NetworkPath, Recorder

FATES = st.lists(st.sampled_from(Fate), max_size=30)


def test_the_clock_moves_only_forward_and_only_when_told() -> None:
    clock = FakeClock(5.0)
    assert clock() == clock() == 5.0
    assert clock.advance(0.5) == clock() == 5.5
    assert clock.advance_to(4.0) == 5.5
    assert clock.advance_to(6.0) == 6.0
    with pytest.raises(ValueError, match="backwards"):
        clock.advance(-1)


def test_the_recorder_keeps_all_in_order_and_gives_a_kind_away() -> None:
    recorder = Recorder()
    recorder(1)
    recorder.record(["a", 2])
    assert (recorder.effects, recorder.of(int)) == ([1, "a", 2], [1, 2])
    assert recorder.take(int) == [1, 2]
    assert recorder.effects == ["a"]


def test_nothing_arrives_before_its_time() -> None:
    link: NetworkPath[str] = NetworkPath(latency=0.5)
    link.send(1.0, "a")
    assert (link.next_arrival, len(link)) == (1.5, 1)
    assert link.arrived(1.25) == []
    assert link.arrived(1.5) == ["a"]
    assert (link.next_arrival, link.arrived(9.0)) == (None, [])


@given(FATES)
def test_each_fate_does_what_it_says(fates: list[Fate]) -> None:
    link: NetworkPath[int] = NetworkPath(iter(fates).__next__)
    for number in range(len(fates)):
        link.send(0.0, number)
    counts = Counter(link.arrived(10.0))
    expected = {Fate.PASS: 1, Fate.DROP: 0, Fate.TWICE: 2, Fate.LATE: 1}
    assert [counts[number] for number in range(len(fates))] == [expected[fate] for fate in fates]


def test_a_late_one_is_overtaken_unless_the_link_is_ordered() -> None:
    for ordered, expected in ((False, ["second", "first"]), (True, ["first", "second"])):
        link: NetworkPath[str] = NetworkPath(iter([Fate.LATE, Fate.PASS]).__next__, ordered=ordered)
        link.send(0.0, "first")
        link.send(0.0, "second")
        assert link.arrived(10.0) == expected


def test_a_cut_loses_what_is_under_way_and_healing_ends_the_faults() -> None:
    link: NetworkPath[str] = NetworkPath(lambda: Fate.DROP)
    link.send(0.0, "lost")
    link.heal()
    link.send(0.0, "cut")
    link.cut()
    link.send(0.0, "kept")
    assert link.arrived(10.0) == ["kept"]

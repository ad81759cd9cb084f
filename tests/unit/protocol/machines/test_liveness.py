"""Heartbeats and expiry at their exact bounds, and against a model that remembers everything."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from cnmessage_protocol.machines.liveness import EXPIRY, HEARTBEAT, Liveness
from tests.unit.protocol.strategies import thorough


def test_silence_of_exactly_the_expiry_is_still_alive() -> None:
    liveness = Liveness(10.0)
    assert not liveness.expired(10.0 + EXPIRY)
    assert liveness.expired(10.0 + EXPIRY + 2**-40)


def test_any_traffic_starts_the_silence_anew() -> None:
    liveness = Liveness(0.0)
    liveness.heard(2.5)
    assert not liveness.expired(5.5)
    assert liveness.expired(5.625)


def test_traffic_told_late_does_not_turn_time_back() -> None:
    liveness = Liveness(5.0)
    liveness.heard(1.0)
    assert liveness.heard_at == 5.0


def test_a_beat_is_due_at_once_and_then_every_heartbeat() -> None:
    liveness = Liveness(0.0)
    assert liveness.beat_due(0.0)
    assert not liveness.beat_due(HEARTBEAT - 2**-40)
    assert liveness.beat_due(HEARTBEAT)
    assert not liveness.beat_due(HEARTBEAT)


@pytest.mark.parametrize(("heard_at", "due"), [(0.0, 1.0), (-2.5, 0.5)])
def test_the_deadline_is_what_comes_first(heard_at: float, due: float) -> None:
    liveness = Liveness(heard_at)
    liveness.beat_due(0.0)
    assert liveness.deadline == due


class LivenessMachine(RuleBasedStateMachine):
    """Times are eighths of a second, so that sums of floats are exact."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.liveness = Liveness(0.0)
        self.heard = [0.0]
        self.beats: list[float] = []

    @rule(eighths=st.integers(0, 40))
    def time_passes(self, eighths: int) -> None:
        self.now += eighths / 8

    @rule(ago=st.integers(0, 16))
    def something_is_heard(self, ago: int) -> None:
        self.heard.append(self.now - ago / 8)
        self.liveness.heard(self.heard[-1])

    @rule()
    def a_beat_is_asked_for(self) -> None:
        due = not self.beats or self.now - self.beats[-1] >= HEARTBEAT
        assert self.liveness.beat_due(self.now) is due
        if due:
            self.beats.append(self.now)

    @invariant()
    def it_expires_exactly_when_all_was_silent_for_longer_than_the_expiry(self) -> None:
        assert self.liveness.expired(self.now) is (self.now - max(self.heard) > EXPIRY)

    @invariant()
    def before_its_deadline_nothing_is_due(self) -> None:
        if self.now < self.liveness.deadline:
            assert not self.liveness.expired(self.now)
            assert self.beats
            assert self.now - self.beats[-1] < HEARTBEAT


TestLiveness = LivenessMachine.TestCase
TestLiveness.settings = thorough(60, 300)

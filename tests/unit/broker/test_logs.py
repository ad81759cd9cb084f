"""Log lines are bounded by kind, and what was left out is told."""

import structlog

from cnmessage_broker.limits import MAX_SUBJECTS
from cnmessage_broker.logs import LINES, Bounded

BURST, RATE = LINES


class Clock:
    """A clock that stands still."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def passed(bounded: Bounded, kind: str, count: int) -> list[structlog.typing.EventDict]:
    """The events of so many that come through."""
    through = []
    for _ in range(count):
        try:
            through.append(bounded(None, "warning", {"event": kind}))
        except structlog.DropEvent:
            continue
    return through


def test_a_flood_of_one_kind_is_cut_off_and_another_kind_is_not() -> None:
    bounded = Bounded(Clock())
    assert len(passed(bounded, "bad frame", BURST + 50)) == BURST
    assert len(passed(bounded, "commit failed", 1)) == 1


def test_the_next_line_tells_how_many_were_left_out() -> None:
    clock = Clock()
    bounded = Bounded(clock)
    passed(bounded, "bad frame", BURST + 50)
    clock.now += 2 / RATE
    first, second = passed(bounded, "bad frame", 5)
    assert first["left_out"] == 50
    assert "left_out" not in second


def test_kinds_without_end_are_not_remembered_without_end() -> None:
    bounded = Bounded(Clock())
    for number in range(MAX_SUBJECTS + 100):
        passed(bounded, f"kind {number}", 1)
    assert len(bounded._budget._left) == MAX_SUBJECTS

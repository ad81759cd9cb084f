"""The clock of silence: it stands while nobody listens."""

import pytest

from cnmessage_broker.loop.attention import ROUND, STRIDE, Attention


def test_it_runs_with_the_clock_while_everything_is_heard() -> None:
    attention = Attention(100.0)
    for step in range(1, 21):
        attention.heard_all(100.0 + step / 4)
    assert attention.seconds == pytest.approx(5.0)


def test_standing_still_does_not_count_but_for_a_stride() -> None:
    attention = Attention(0.0)
    attention.heard_all(60.0)
    assert attention.seconds == STRIDE
    attention.heard_all(60.1)
    assert attention.seconds == pytest.approx(STRIDE + 0.1)


def test_a_backlog_of_any_length_counts_for_a_stride_at_most() -> None:
    attention = Attention(0.0)
    attention.heard_all(0.25)
    # For ten seconds the socket is never read empty; then it is.
    attention.heard_all(10.25)
    assert attention.seconds == pytest.approx(0.25 + STRIDE)


def test_a_clock_that_goes_back_does_not_take_anything_away() -> None:
    attention = Attention(10.0)
    attention.heard_all(5.0)
    assert attention.seconds == 0.0


@pytest.mark.parametrize("links", [1, 1000])
def test_a_flood_without_an_end_does_not_stop_it(links: int) -> None:
    attention, now = Attention(0.0), 0.0
    for _ in range(20):
        for _ in range(ROUND * max(64, links)):
            now += 0.25 / (ROUND * max(64, links))
            attention.heard_one(now, links)
    assert 4.0 <= attention.seconds <= 5.0


def test_what_came_in_a_round_counts_when_the_next_is_over() -> None:
    attention = Attention(0.0)
    for _ in range(ROUND * 64 - 1):
        attention.heard_one(0.4, 1)
    assert attention.seconds == 0.0
    attention.heard_one(0.4, 1)
    assert attention.seconds == 0.0  # what came since the beginning may wait still
    for _ in range(ROUND * 64):
        attention.heard_one(0.8, 1)
    assert attention.seconds == pytest.approx(0.4)

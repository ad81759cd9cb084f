"""How fast files move: at full speed, and gently while people talk."""

import pytest

from cnmessage_broker.files.pace import GENTLE_CHUNK, GENTLE_RATE, MEMORY, Pace
from cnmessage_protocol.files.channel import CHUNK, FIRST_CHUNK


class Talk:
    """When the last message was stored."""

    def __init__(self, at: float = float("-inf")) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at


def test_without_messages_nothing_is_held_back() -> None:
    pace = Pace(Talk())
    pace.moved(0.0, 1 << 30)
    assert not pace.gentle(0.0)
    assert (pace.wait(0.0), pace.chunk(0.0, 1)) == (0.0, CHUNK)


def test_a_message_makes_files_gentle_for_a_while_and_no_longer() -> None:
    pace = Pace(Talk(5.0))
    assert pace.gentle(5.0)
    assert pace.chunk(5.0, 1) == GENTLE_CHUNK
    pace.moved(5.0 + MEMORY - 0.001, GENTLE_CHUNK)
    assert pace.wait(5.0 + MEMORY - 0.001) > 0
    assert pace.wait(5.0 + MEMORY) == 0
    assert pace.chunk(5.0 + MEMORY, 1) == CHUNK


def test_while_people_talk_all_transfers_together_keep_to_the_rate() -> None:
    talk, now, moved = Talk(0.0), 0.0, 0
    pace = Pace(talk)
    while now < 10.0:
        talk.at = now
        pace.moved(now, GENTLE_CHUNK)
        moved += GENTLE_CHUNK
        now += max(pace.wait(now), 0.0001)
    assert moved / 10.0 == pytest.approx(GENTLE_RATE, rel=0.02)


def test_what_was_on_its_way_in_large_chunks_is_not_waited_for_as_long_as_it_would_take() -> None:
    pace = Pace(Talk(0.0))
    pace.moved(0.0, 64 * CHUNK)
    assert 0 < pace.wait(0.0) < 0.05


def test_words_without_bytes_cost_nothing() -> None:
    pace = Pace(Talk(0.0))
    pace.moved(0.0, 0)
    assert pace.wait(0.0) == 0


def test_files_that_move_at_once_share_one_chunk_down_to_the_smallest() -> None:
    pace = Pace(Talk())
    assert [pace.chunk(0.0, going) for going in (0, 1, 2, 10, 1000)] == [
        CHUNK, CHUNK, CHUNK // 2, CHUNK // 10, FIRST_CHUNK,
    ]  # fmt: skip
    assert Pace(Talk(0.0)).chunk(0.0, 1000) == FIRST_CHUNK

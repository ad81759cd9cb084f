"""The flow of one file's bytes: what may go out, what is taken, when and how much credit to grant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.filechannel import CHUNK, FIRST_CHUNK, WINDOW, WINDOW_CHUNKS
from cnmessage_protocol.flows import Inflow, Outflow

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * WINDOW + 7]


def test_nothing_goes_out_without_credit() -> None:
    flow = Outflow(10)
    assert flow.next_length() == 0
    flow.credited(4, CHUNK)
    assert flow.next_length() == 4


def test_a_chunk_ends_with_the_credit_the_file_or_its_own_length() -> None:
    flow = Outflow(10 * CHUNK + 5, 0, 20 * CHUNK)
    assert flow.next_length() == CHUNK
    flow.credited(0, 100)
    assert flow.next_length() == 100
    flow.offset = 10 * CHUNK + 3
    assert flow.next_length() == 2
    flow.offset = flow.size
    assert flow.next_length() == 0
    assert flow.complete


def test_an_old_credit_that_comes_late_takes_nothing_back() -> None:
    flow = Outflow(100)
    flow.credited(60, CHUNK)
    flow.credited(40, CHUNK)
    assert flow.upto == 60


def test_a_grant_moves_both_ends_back_too() -> None:
    flow = Outflow(100, 80, 90)
    flow.granted(10, 50)
    assert (flow.offset, flow.upto) == (10, 50)


@pytest.mark.parametrize("offset", [-1, 101, 1 << 62])
def test_a_grant_outside_the_file_is_a_protocol_error(offset: int) -> None:
    with pytest.raises(ProtocolError, match="no offset"):
        Outflow(100).granted(offset, 200)


def test_only_the_next_bytes_are_taken_and_never_more_than_the_file_has() -> None:
    flow = Inflow(10)
    assert not flow.take(1, 5)
    assert not flow.take(0, 11)
    assert flow.take(0, 6)
    assert not flow.take(0, 6)
    assert not flow.take(6, 5)
    assert flow.take(6, 4)
    assert flow.complete


def test_credit_is_due_every_half_window_and_not_at_the_end() -> None:
    flow = Inflow(WINDOW + 1)
    due = []
    for offset, length in ((0, WINDOW // 2 - 1), (WINDOW // 2 - 1, 1), (WINDOW // 2, CHUNK)):
        flow.take(offset, length)
        due.append(flow.credit_due)
        if flow.credit_due:
            flow.credit()
    assert due == [False, True, False]
    flow.take(flow.offset, flow.size - flow.offset)
    assert not flow.credit_due


def test_credit_counts_from_what_is_written_and_ends_with_the_file() -> None:
    flow = Inflow(2 * WINDOW)
    flow.take(0, CHUNK)
    assert flow.upto == WINDOW, "taking alone grants nothing"
    assert flow.credit() == flow.upto == WINDOW + CHUNK
    flow.take(CHUNK, WINDOW)
    assert flow.credit() == 2 * WINDOW


def test_the_window_is_16_chunks_and_never_smaller_than_16_first_ones() -> None:
    assert Inflow(1).window == WINDOW
    assert Inflow(1, chunk=FIRST_CHUNK).window == WINDOW_CHUNKS * FIRST_CHUNK
    assert Inflow(1, chunk=1).window == WINDOW_CHUNKS * FIRST_CHUNK


@given(
    size=st.sampled_from(SIZES) | st.integers(0, 5 * WINDOW),
    start=st.floats(0, 1),
    length=st.sampled_from([CHUNK, CHUNK // 3, CHUNK - 1]),
)
def test_both_sides_together_bring_every_byte_once_within_the_window(
    size: int, start: float, length: int
) -> None:
    here = int(size * start)
    there, mine = Outflow(size), Inflow(size, here, here, length)
    there.granted(mine.offset, mine.upto)
    there.credited(mine.upto, length)
    moved = 0
    while not mine.complete:
        length = there.next_length()
        assert length, "neither side would go on"
        assert mine.take(there.offset, length)
        there.offset += length
        moved += length
        assert there.upto - mine.credited <= mine.window
        if mine.credit_due:
            there.credited(mine.credit(), length)
    assert there.complete
    assert moved == size - here

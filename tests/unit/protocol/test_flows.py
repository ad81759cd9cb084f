"""The flow of one file's bytes: what may go out, what is taken, when to sync, how much credit to grant."""

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


def test_the_disk_is_asked_every_half_window_and_once_at_the_end() -> None:
    flow = Inflow(WINDOW + 1)
    assert not flow.sync_due
    flow.take(0, WINDOW // 2 - 1)
    assert not flow.sync_due
    flow.take(WINDOW // 2 - 1, 1)
    assert flow.sync_due
    flow.syncing = True
    assert not flow.sync_due
    flow.syncing, flow.durable = False, WINDOW // 2
    flow.take(WINDOW // 2, WINDOW // 2)
    flow.durable = WINDOW
    assert not flow.sync_due
    flow.take(WINDOW, 1)
    assert flow.sync_due
    flow.durable = flow.offset
    assert not flow.sync_due


def test_credit_counts_from_the_disk_and_ends_with_the_file() -> None:
    flow = Inflow(3 * WINDOW)
    flow.take(0, CHUNK)
    assert flow.upto == WINDOW
    flow.durable = CHUNK
    assert flow.upto == WINDOW + CHUNK
    flow.durable = 3 * WINDOW - 1
    assert flow.upto == 3 * WINDOW


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
        assert mine.offset - mine.durable <= mine.window
        if mine.sync_due:
            mine.durable = mine.offset
            there.credited(mine.upto, length)
    assert there.complete
    assert moved == size - here

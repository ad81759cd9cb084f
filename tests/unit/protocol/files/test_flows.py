"""The flow of one file's bytes: what may go out, what is taken, when and how much credit to grant."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.errors import ProtocolError
from cnmessage_protocol.files.channel import CHUNK, FIRST_CHUNK, WINDOW, WINDOW_CHUNKS, Credit
from cnmessage_protocol.files.flows import QUICK, Inflow, Outflow

SIZES = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * WINDOW + 7]


def test_nothing_goes_out_without_credit() -> None:
    flow = Outflow(10)
    assert flow.next_length() == 0
    flow.credited(4, CHUNK)
    assert flow.next_length() == 4


def test_a_chunk_ends_with_the_credit_the_file_or_its_own_length() -> None:
    flow = Outflow(10 * CHUNK + 5, 0, 20 * CHUNK, CHUNK)
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
    assert not flow.take(0.0, 1, 5)
    assert not flow.take(0.0, 0, 11)
    assert flow.take(0.0, 0, 6)
    assert not flow.take(0.0, 0, 6)
    assert not flow.take(0.0, 6, 5)
    assert flow.take(0.0, 6, 4)
    assert flow.complete


def test_credit_is_due_every_half_window_and_not_at_the_end() -> None:
    flow = Inflow(WINDOW + 1, chunk=CHUNK)
    due = []
    for offset, length in ((0, WINDOW // 2 - 1), (WINDOW // 2 - 1, 1), (WINDOW // 2, CHUNK)):
        flow.take(0.0, offset, length)
        due.append(flow.credit_due)
        if flow.credit_due:
            flow.credit()
    assert due == [False, True, False]
    flow.take(0.0, flow.offset, flow.size - flow.offset)
    assert not flow.credit_due


def test_credit_counts_from_what_is_written_and_ends_with_the_file() -> None:
    flow = Inflow(2 * WINDOW, chunk=CHUNK)
    flow.take(0.0, 0, CHUNK)
    assert flow.upto == WINDOW, "taking alone grants nothing"
    assert flow.credit() == Credit(WINDOW + CHUNK, CHUNK)
    assert flow.upto == WINDOW + CHUNK
    flow.take(0.0, CHUNK, WINDOW)
    assert flow.credit().upto == 2 * WINDOW


def test_the_window_is_16_chunks_and_never_smaller_than_16_first_ones() -> None:
    assert Inflow(1, chunk=CHUNK).window == WINDOW
    assert Inflow(1).window == WINDOW_CHUNKS * FIRST_CHUNK
    assert Inflow(1, chunk=1).window == WINDOW_CHUNKS * FIRST_CHUNK


def _half_window(flow: Inflow, now: float, pause: float) -> float:
    """Chunks come, `pause` seconds apart, until credit is due; gives the time then."""
    while not flow.credit_due:
        now += pause
        assert flow.take(now, flow.offset, flow.chunk)
    return now


def test_chunks_grow_while_they_come_quickly_and_shrink_when_they_do_not() -> None:
    flow, now, sizes = Inflow(100 * WINDOW), 0.0, []
    for pause in [QUICK / 2] * 8 + [QUICK] * 8:
        now = _half_window(flow, now, pause)
        sizes.append(flow.more_credit().chunk // FIRST_CHUNK)
    assert sizes == [2, 4, 8, 16, 32, 64, 64, 64, 32, 16, 8, 4, 2, 1, 1, 1]
    assert CHUNK == 64 * FIRST_CHUNK


def test_a_receiver_may_ask_for_smaller_chunks_at_any_time_and_what_was_granted_stays() -> None:
    flow = Inflow(100 * WINDOW, chunk=CHUNK)
    sender = Outflow(flow.size)
    sender.granted(0, flow.credit().upto)
    _half_window(flow, 0.0, 0.0)
    credit = flow.more_credit(4 * FIRST_CHUNK)
    assert credit.chunk == 4 * FIRST_CHUNK
    sender.credited(credit.upto, credit.chunk)
    assert sender.upto == WINDOW
    assert sender.next_length() == 4 * FIRST_CHUNK
    while sender.offset < sender.upto:
        sender.offset += sender.next_length()
        flow.take(0.0, flow.offset, sender.offset - flow.offset)
        if flow.credit_due:
            sender.credited(flow.more_credit(4 * FIRST_CHUNK).upto, 4 * FIRST_CHUNK)
        assert sender.upto > sender.offset, "nobody would go on"
        if sender.offset > 3 * WINDOW:
            break


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
        assert mine.take(0.0, there.offset, length)
        there.offset += length
        moved += length
        assert there.upto - mine.credited <= mine.window
        if mine.credit_due:
            there.credited(mine.credit().upto, length)
    assert there.complete
    assert moved == size - here

"""Message ids rise whatever the clock does; a caller without an account cannot be taken for one."""

import pytest

from cnmessage_broker.loop.context import Caller
from cnmessage_protocol.errors import ErrorCode, RequestError
from tests.unit.broker.conftest import Room


def test_message_ids_rise_within_a_millisecond_and_when_the_clock_goes_back(room: Room) -> None:
    times = [5000] * 500 + [4000] * 500 + [6000] * 10 + [0] * 10 + [5999, 6001]
    made = [room.deps.message_id(each) for each in times]
    assert made == sorted(made)
    assert len(set(made)) == len(made)
    assert {len(each) for each in made} == {16}


def test_a_message_id_tells_its_time_and_version(room: Room) -> None:
    identity = room.deps.message_id(1_700_000_000_123)
    assert int.from_bytes(identity[:6], "big") == 1_700_000_000_123
    assert identity[6] >> 4 == 7  # UUIDv7
    assert identity[8] >> 6 == 0b10  # RFC 9562's variant


def test_a_clock_that_jumps_ahead_and_back_costs_no_id(room: Room) -> None:
    far = room.deps.message_id((1 << 48) - 1)
    back = room.deps.message_id(1_700_000_000_000)
    assert back > far
    assert len(back) == 16


def test_now_is_in_milliseconds(room: Room) -> None:
    room.wall = 12.3456
    assert room.deps.now_ms() == 12345


def test_a_caller_without_an_account_is_told_to_log_in() -> None:
    with pytest.raises(RequestError) as caught:
        Caller("key", "", None, None).bound()
    assert caught.value.code is ErrorCode.UNAUTHENTICATED

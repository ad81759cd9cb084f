"""The decoder's limits, each at its exact bound."""

from typing import Any

import msgpack
import pytest
from hypothesis import given

from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, Limits, decode, encode
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from tests.unit.protocol.strategies import PLAIN, thorough

SMALL = Limits(total=64, array=3, mapping=2, text=4, binary=5)


@thorough(100, 2000)
@given(PLAIN)
def test_plain_values_survive(value: Any) -> None:
    assert encode(decode(encode(value), REPLY_LIMITS)) == encode(value)


@pytest.mark.parametrize(
    ("fits", "does_not"),
    [
        ([1] * 3, [1] * 4),
        ({"a": 1, "b": 2}, {"a": 1, "b": 2, "c": 3}),
        ("éé", "ééa"),
        (bytes(5), bytes(6)),
        ([[[]]], [[[1] * 4]]),
        ({"a": bytes(5)}, {"a": bytes(6)}),
    ],
)
def test_each_limit_holds_at_its_bound(fits: Any, does_not: Any) -> None:
    assert decode(encode(fits), SMALL) == fits
    with pytest.raises(ProtocolError):
        decode(encode(does_not), SMALL)


def test_the_total_is_checked_first() -> None:
    frame = encode([["aaaa", "aaaa", "aaaa"]] * 3)
    assert decode(frame, Limits(len(frame), 3, 2, 4, 5)) == [["aaaa"] * 3] * 3
    with pytest.raises(ProtocolError, match="over the limit") as caught:
        decode(frame, Limits(len(frame) - 1, 3, 2, 4, 5))
    assert caught.value.code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\xc1",
        b"\x91",
        b"\xa4abc",
        encode(1) + encode(2),
        msgpack.packb({1: 2}),
        msgpack.packb({None: 2}),
        msgpack.packb({b"key": 2}),
        msgpack.packb([{"a": {b"key": 2}}]),
        msgpack.packb(msgpack.ExtType(5, b"x")),
        msgpack.packb(msgpack.Timestamp(1, 0)),
        b"\xa1\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
    ],
)
def test_what_is_no_single_plain_value_is_refused(frame: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(frame, REQUEST_LIMITS)


@pytest.mark.parametrize("value", ["\ud800", 1 << 64, -(1 << 63) - 1, object(), {1, 2}, [["\udfff"]]])
def test_what_msgpack_cannot_carry_is_not_sent(value: Any) -> None:
    with pytest.raises(ProtocolError, match="cannot be sent"):
        encode(value)


def test_endless_nesting_is_not_sent() -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(ProtocolError, match="cannot be sent"):
        encode(value)

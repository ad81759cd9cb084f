"""Sealed deliveries: what opens, and everything that must not."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.deliveries import DELIVERIES, Hello, parse_delivery
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.sealing import Opener, Sealer
from tests.unit.protocol.strategies import thorough, valid_map

TOPIC, KEY = bytes(range(16)), bytes(range(32))


@pytest.mark.parametrize("kind", DELIVERIES)
def test_every_delivery_survives_sealing(kind: str) -> None:
    @thorough(50, 500)
    @given(values=valid_map(DELIVERIES[kind]))
    def check(values: dict[str, Any]) -> None:
        assert Opener(TOPIC, KEY).open(Sealer(TOPIC, KEY).seal(kind, values)) == parse_delivery(
            [kind, values]
        )

    check()


@thorough(300, 3000)
@given(frame=st.integers(0, 2), place=st.integers(0, 1000), bit=st.integers(0, 7))
def test_one_changed_bit_anywhere_is_noticed(frame: int, place: int, bit: int) -> None:
    frames = Sealer(TOPIC, KEY).seal("hello", {"head": 3})
    spoiled = bytearray(frames[frame])
    spoiled[place % len(spoiled)] ^= 1 << bit
    opener = Opener(TOPIC, KEY)
    with pytest.raises(ProtocolError):
        opener.open([*frames[:frame], bytes(spoiled), *frames[frame + 1 :]])
    # A forgery must not push the sequence forward: the true delivery still opens.
    assert opener.open(frames) == Hello(3)


def test_an_altered_body_is_an_integrity_error() -> None:
    topic, sequence, body = Sealer(TOPIC, KEY).seal("hello", {"head": 3})
    with pytest.raises(ProtocolError) as caught:
        Opener(TOPIC, KEY).open([topic, sequence, body + b"x"])
    assert caught.value.code is ErrorCode.INTEGRITY


@pytest.mark.parametrize(("topic", "key"), [(bytes(16), KEY), (TOPIC, bytes(32))])
def test_another_topic_or_key_opens_nothing(topic: bytes, key: bytes) -> None:
    with pytest.raises(ProtocolError):
        Opener(topic, key).open(Sealer(TOPIC, KEY).seal("hello", {"head": 3}))


@given(st.lists(st.integers(0, 5), max_size=20))
def test_each_opens_at_most_once_and_never_behind_a_later_one(order: list[int]) -> None:
    sealer, opener = Sealer(TOPIC, KEY), Opener(TOPIC, KEY)
    frames = [sealer.seal("hello", {"head": number}) for number in range(6)]
    last = -1
    for number in order:
        if number > last:
            assert opener.open(frames[number]) == Hello(number)
            last = number
        else:
            with pytest.raises(ProtocolError, match="repeated"):
                opener.open(frames[number])


def test_no_plaintext_shows_and_no_nonce_repeats() -> None:
    sealer = Sealer(TOPIC, KEY)
    sealed = [sealer.seal("closed", {"reason": "secret words"}) for _ in range(100)]
    assert len({frames[1] for frames in sealed}) == 100
    assert len({frames[2] for frames in sealed}) == 100
    assert not any(b"secret" in b"".join(frames) for frames in sealed)


@pytest.mark.parametrize("size", [0, 1, 15, 16])
def test_a_body_too_short_to_be_sealed_is_refused(size: int) -> None:
    with pytest.raises(ProtocolError):
        Opener(TOPIC, KEY).open([TOPIC, (1).to_bytes(8, "big"), bytes(size)])

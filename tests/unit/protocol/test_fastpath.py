"""The fast path takes what the codec and the checks take, with the same value, and leaves all else to them.

Frames are usual ones, usual ones with one thing wrong, and cut or altered ones.
"""

import struct
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, decode, encode
from cnmessage_protocol.deliveries import PUSH_ITEMS, Delivery, Items, parse_delivery
from cnmessage_protocol.envelope import unpack_request
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.fastpath import items_delivery, send_request
from cnmessage_protocol.records import MAX_BODY, MAX_RECIPIENTS
from cnmessage_protocol.requests import MAX_NAMES, Send, parse_request
from cnmessage_protocol.results import MAX_MESSAGES
from cnmessage_protocol.schema import LARGEST, LATEST
from cnmessage_protocol.sealing import Opener, Sealer
from tests.support.rows import item_row, message_row
from tests.unit.protocol.strategies import PLAIN, TOO_LONG, raw_frame, spoiled_map, thorough, valid_map

TOPIC, KEY, ID = bytes(16), bytes(32), bytes(16)
ROW = message_row(["bob"], "hello", ID)

HOSTILE: dict[str, Any] = {
    "a bool for a number": [1, True, "send", {"messages": [ROW]}],
    "a float for a number": [1, 1.0, "send", {"messages": [ROW]}],
    "a float for the version": [1.0, 1, "send", {"messages": [ROW]}],
    "a bool for the version": [True, 1, "send", {"messages": [ROW]}],
    "another version": [2, 1, "send", {"messages": [ROW]}],
    "an id below zero": [1, -1, "send", {"messages": [ROW]}],
    "an id of 64 bits": [1, 1 << 63, "send", {"messages": [ROW]}],
    "no rows": [1, 1, "send", {"messages": []}],
    "too many rows": [1, 1, "send", {"messages": [ROW] * (MAX_MESSAGES + 1)}],
    "an unknown key": [1, 1, "send", {"messages": [ROW], "more": 1}],
    "a fifth place": [1, 1, "send", {"messages": [ROW]}, None],
    "a fifth place in a row": [1, 1, "send", {"messages": [[*ROW, None]]}],
    "three places in a row": [1, 1, "send", {"messages": [ROW[:3]]}],
    "text for bytes": [1, 1, "send", {"messages": [message_row(["bob"], "x", "i" * 16)]}],
    "an id that is short": [1, 1, "send", {"messages": [message_row(["bob"], "x", bytes(15))]}],
    "no names": [1, 1, "send", {"messages": [message_row([], "x", ID)]}],
    "a name that is none": [1, 1, "send", {"messages": [message_row(["b b"], "x", ID)]}],
    "a long name": [1, 1, "send", {"messages": [message_row(["b" * 33], "x", ID)]}],
    "bytes for a name": [1, 1, "send", {"messages": [message_row([b"bob"], "x", ID)]}],
    "everyone and one more": [1, 1, "send", {"messages": [message_row(["all", "bob"], "x", ID)]}],
    "too many names": [1, 1, "send", {"messages": [message_row(["bob"] * (MAX_RECIPIENTS + 1), "x", ID)]}],
    "too many names in all": [
        1, 1, "send",
        {"messages": [message_row(["bob"] * MAX_RECIPIENTS, "x", ID)] * (MAX_NAMES // MAX_RECIPIENTS + 1)},
    ],
    "an empty body": [1, 1, "send", {"messages": [message_row(["bob"], "", ID)]}],
    "a body that is large": [1, 1, "send", {"messages": [message_row(["bob"], "x" * (MAX_BODY + 1), ID)]}],
    "a body that is large in bytes": [
        1, 1, "send", {"messages": [message_row(["bob"], "é" * (MAX_BODY // 2 + 1), ID)]},
    ],
    "unknown extras": [1, 1, "send", {"messages": [message_row(["bob"], "x", ID, {"new": 1})]}],
    "extras that are none": [1, 1, "send", {"messages": [[ID, ["bob"], "x", None]]}],
}  # fmt: skip

TAKEN: dict[str, Any] = {
    "names in capitals": [1, 1, "send", {"messages": [message_row(["BOB", "bob", "Carol"], "x", ID)]}],
    "everyone": [1, 0, "send", {"messages": [message_row(["all"], "x", ID)]}],
    "the largest id": [1, (1 << 63) - 1, "send", {"messages": [ROW]}],
    "all names that there may be": [
        1, 1, "send",
        {"messages": [message_row(["bob"] * MAX_RECIPIENTS, "x", ID)] * (MAX_NAMES // MAX_RECIPIENTS)},
    ],
    "all rows that there may be": [1, 1, "send", {"messages": [ROW] * MAX_MESSAGES}],
    "other letters": [1, 1, "send", {"messages": [message_row(["bob"], "😀" * (MAX_BODY // 4), ID)]}],
}  # fmt: skip


def checked_send(frame: bytes) -> Any:
    """What the codec and the checks make of a frame."""
    version, request_id, verb, arguments = decode(frame, REQUEST_LIMITS)
    assert version == 1
    return request_id, parse_request(verb, arguments)


def checked_items(body: bytes) -> Delivery:
    """What the codec and the checks make of a delivery."""
    return parse_delivery(decode(body, REPLY_LIMITS))


def refusal(frame: bytes) -> tuple[ErrorCode, str, int] | None:
    """How a frame is refused, as a broker does it."""
    try:
        unpack_request(frame)
    except ProtocolError as error:
        return error.code, error.message, error.request_id
    return None


def agree_on_send(frame: bytes) -> bool:
    """Whether the fast path takes a frame; then so do the checks, with the same value, types and all."""
    fast = send_request(frame)
    if fast is not None:
        slow = checked_send(frame)
        assert fast == slow
        assert repr(fast) == repr(slow)
    return fast is not None


def agree_on_items(body: bytes) -> bool:
    """The same of the body of a delivery."""
    fast = items_delivery(body)
    if fast is not None:
        slow = checked_items(body)
        assert fast == slow
        assert repr(fast) == repr(slow)
    return fast is not None


def altered(data: st.DataObject, frame: bytes) -> bytes:
    """A frame that is cut, or has one byte of its head or of anything changed."""
    place = data.draw(st.integers(0, min(len(frame) - 1, 60)) | st.integers(0, len(frame) - 1))
    if data.draw(st.booleans()):
        return frame[:place]
    return frame[:place] + data.draw(st.binary(min_size=1, max_size=5)) + frame[place + 1 :]


@thorough(300, 1600)
@given(data=st.data(), request_id=st.integers(0, (1 << 63) - 1))
def test_a_send_of_text_is_taken_and_every_other_or_altered_one_means_the_same(
    data: st.DataObject, request_id: int
) -> None:
    arguments = data.draw(valid_map(Send))
    frame = raw_frame([1, request_id, "send", arguments])
    assert agree_on_send(frame) is all(type(row[2]) is str for row in arguments["messages"])
    agree_on_send(altered(data, frame))
    agree_on_send(raw_frame([1, request_id, "send", data.draw(spoiled_map(Send))]))


@thorough(300, 1600)
@given(data=st.data())
def test_a_delivery_of_messages_is_taken_and_every_other_or_altered_one_means_the_same(
    data: st.DataObject,
) -> None:
    values = data.draw(valid_map(Items))
    body = raw_frame(["items", values])
    usual = all(row[3] != 2 and type(row[7]) is str and not row[10] for row in values["items"])
    assert agree_on_items(body) is usual
    agree_on_items(altered(data, body))
    agree_on_items(raw_frame(["items", data.draw(spoiled_map(Items))]))


@thorough(300, 1600)
@given(place=st.integers(0, 10), value=PLAIN | TOO_LONG)
def test_one_odd_place_in_an_item_means_the_same(place: int, value: Any) -> None:
    row = item_row(1)
    row[place] = value
    agree_on_items(raw_frame(["items", {"items": [row]}]))


@thorough(300, 1600)
@given(place=st.integers(0, 3), value=PLAIN | TOO_LONG)
def test_one_odd_place_in_a_new_message_means_the_same(place: int, value: Any) -> None:
    row = list(ROW)
    row[place] = value
    agree_on_send(raw_frame([1, 1, "send", {"messages": [row]}]))


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_wrong_is_left_to_the_checks_which_say_it(name: str) -> None:
    frame = raw_frame(HOSTILE[name])
    assert send_request(frame) is None
    found = refusal(frame)
    assert found is not None
    if repr(HOSTILE[name][:3]) == repr([1, 1, "send"]) and len(HOSTILE[name]) == 4:
        with pytest.raises(ProtocolError) as refused:
            checked_send(frame)
        assert found == (refused.value.code, refused.value.message, 1)


@pytest.mark.parametrize("name", TAKEN)
def test_what_is_at_a_bound_is_taken(name: str) -> None:
    assert agree_on_send(raw_frame(TAKEN[name]))


def test_items_at_their_bounds_are_taken_and_those_beyond_are_not() -> None:
    largest = item_row(LARGEST, "x" * (MAX_BODY // 4), time=LATEST, client_id=ID, direction=1, kind=1)
    assert agree_on_items(raw_frame(["items", {"items": [largest] * 8}]))
    assert agree_on_items(raw_frame(["items", {"items": [item_row(1)] * PUSH_ITEMS}]))
    wrong = (item_row(LARGEST + 1), item_row(0), item_row(1, time=LATEST + 1), item_row(1, kind=3))
    for row in wrong:
        assert not agree_on_items(raw_frame(["items", {"items": [row]}]))
    assert not agree_on_items(raw_frame(["items", {"items": [item_row(1)] * (PUSH_ITEMS + 1)}]))


def test_a_long_body_is_what_it_was() -> None:
    for body in ("x" * MAX_BODY, "é" * (MAX_BODY // 2), "x" * (MAX_BODY // 4 + 1)):
        frame = raw_frame([1, 1, "send", {"messages": [message_row(["bob"], body, ID)]}])
        assert (call := unpack_request(frame)).request == checked_send(frame)[1]
        assert call.request_id == 1


def test_a_key_that_is_said_often_is_refused_as_ever() -> None:
    rows = encode([ROW])
    for times in (2, 17):
        arguments = bytes([0xDE, 0, times]) + (encode("messages") + rows) * times
        frame = b"\x94\x01\x01\xa4send" + arguments
        assert not agree_on_send(frame)


@pytest.mark.parametrize(
    "line", (Path(__file__).parent / "frames_v1.txt").read_text(encoding="ascii").splitlines()
)
def test_every_recorded_frame_means_the_same(line: str) -> None:
    frame = bytes.fromhex(line.split("\t")[1])
    agree_on_send(frame)
    agree_on_items(frame)


HEADS = {
    "the frame": b"",
    "the arguments": b"\x94\x01\x01\xa4send",
    "the rows": b"\x94\x01\x01\xa4send\x81\xa8messages",
    "a row": b"\x94\x01\x01\xa4send\x81\xa8messages\x91",
    "the names": b"\x94\x01\x01\xa4send\x81\xa8messages\x91\x94\xc4\x10" + ID,
    "a name": b"\x94\x01\x01\xa4send\x81\xa8messages\x91\x94\xc4\x10" + ID + b"\x91",
    "the body": b"\x94\x01\x01\xa4send\x81\xa8messages\x91\x94\xc4\x10" + ID + b"\x91\xa1b",
    "the extras": b"\x94\x01\x01\xa4send\x81\xa8messages\x91\x94\xc4\x10" + ID + b"\x91\xa1b\xa1x",
    "the items": b"\x92\xa5items\x81\xa5items",
    "an item": b"\x92\xa5items\x81\xa5items\x91",
    "its extras": b"\x92\xa5items\x81\xa5items\x91" + encode(item_row(1))[:-1],
}


@pytest.mark.parametrize("place", HEADS)
@pytest.mark.parametrize("kind", [b"\xdd", b"\xdf", b"\xdb", b"\xc6", b"\xc9"])
def test_what_promises_much_is_not_made_room_for(place: str, kind: bytes) -> None:
    for size in (1 << 16, 1 << 24, (1 << 32) - 1):
        promise = HEADS[place] + kind + struct.pack(">I", size)
        for frame in (promise, promise + kind * 4096, promise + b"\x91" * 65536, promise + b"\x00" * 65536):
            tracemalloc.start()
            taken = send_request(frame), items_delivery(frame)
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            assert taken == (None, None)
            assert peak < 1 << 20


def test_a_delivery_is_opened_the_fast_way_and_the_other_to_the_same_value() -> None:
    deliveries: list[dict[str, object]] = [
        {"items": [item_row(1)]},
        {"items": [item_row(1, kind=9)], "more": 1},
        {"head": 3},
    ]
    for values in deliveries:
        kind = "hello" if "head" in values else "items"
        delivery = Opener(TOPIC, KEY).open(Sealer(TOPIC, KEY).seal(kind, values))
        assert delivery == checked_items(encode([kind, values]))

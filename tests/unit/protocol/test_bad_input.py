"""Bad input of every verb, reply, delivery and key card: a checked value or a ProtocolError, nothing else.

More than 5,000 generated cases each run: 22 verbs of 150, and the frames below;
five times as many under `--hypothesis-profile=ci`.
"""

import tracemalloc
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, decode, encode
from cnmessage_protocol.deliveries import DELIVERIES, UnknownDelivery, parse_delivery
from cnmessage_protocol.envelope import (
    MAX_REQUEST,
    VERSION,
    Call,
    Reply,
    pack_key_card,
    pack_request,
    unpack_key_card,
    unpack_reply,
    unpack_request,
)
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.records import UnknownItem, file_facts, inbox_item, outgoing
from cnmessage_protocol.requests import REQUESTS, Request, parse_request
from cnmessage_protocol.results import parse_result
from cnmessage_protocol.schema import Check
from cnmessage_protocol.sealing import Opener
from tests.support.rows import message_row
from tests.unit.protocol.strategies import PLAIN, TOO_LONG, raw_frame, spoiled_map, thorough, valid, valid_map

RECORDS = sorted(REQUESTS.values(), key=lambda record: record.VERB)
RESULTS = sorted({record.RESULT for record in RECORDS}, key=lambda record: record.__name__)
TOPIC, KEY = bytes(16), bytes(range(32))


def answered(frame: bytes) -> Call | ProtocolError:
    """What a broker makes of a frame; anything but these two escapes and fails the test."""
    try:
        call = unpack_request(frame)
    except ProtocolError as error:
        return error
    assert type(call.request) is REQUESTS[call.request.VERB]
    assert unpack_request(pack_request(call.request_id, call.request)) == call
    return call


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.VERB)
def test_spoiled_arguments_of_every_verb_get_a_call_or_a_protocol_error(record: type[Request]) -> None:
    @thorough(150, 800)
    @given(arguments=spoiled_map(record), request_id=st.integers(0, (1 << 63) - 1))
    def check(arguments: Any, request_id: int) -> None:
        answer = answered(raw_frame([VERSION, request_id, record.VERB, arguments]))
        assert answer.request_id in {request_id, 0}
        assert isinstance(answer, Call) or len(answer.message) < 1024

    check()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.VERB)
def test_an_unknown_key_is_refused_in_every_verb(record: type[Request]) -> None:
    @thorough(5, 10)
    @given(arguments=valid_map(record))
    def check(arguments: dict[str, Any]) -> None:
        with pytest.raises(ProtocolError, match="unknown key 'colour'"):
            parse_request(record.VERB, {**arguments, "colour": 1})

    check()


@thorough(300, 1600)
@given(frame=st.binary(max_size=300))
def test_garbage_is_never_more_than_a_protocol_error(frame: bytes) -> None:
    answered(frame)


@thorough(300, 1600)
@given(data=st.data())
def test_a_flipped_or_truncated_frame_is_never_more_than_a_protocol_error(data: st.DataObject) -> None:
    record = data.draw(st.sampled_from(RECORDS))
    frame = bytearray(encode([VERSION, 1, record.VERB, data.draw(valid_map(record))]))
    for place in data.draw(st.lists(st.integers(0, len(frame) - 1), max_size=4)):
        frame[place] = data.draw(st.integers(0, 255))
    answered(bytes(frame[: data.draw(st.integers(0, len(frame)))]))


@thorough(150, 800)
@given(value=PLAIN | st.lists(PLAIN, min_size=4, max_size=4))
def test_any_other_envelope_is_a_protocol_error(value: Any) -> None:
    assert isinstance(answered(raw_frame(value)), ProtocolError)


@thorough(100, 400)
@given(verb=st.text(max_size=80).filter(lambda verb: verb not in REQUESTS), request_id=st.integers(0, 9))
def test_an_unknown_verb_is_named_as_such_under_its_request_id(verb: str, request_id: int) -> None:
    answer = answered(encode([VERSION, request_id, verb, {}]))
    assert isinstance(answer, ProtocolError)
    assert (answer.code, answer.request_id) == (ErrorCode.UNKNOWN_VERB, request_id)


@thorough(100, 400)
@given(version=PLAIN.filter(lambda version: type(version) is not int or version != VERSION))
def test_a_wrong_version_is_named_as_such(version: Any) -> None:
    answer = answered(encode([version, 7, "whoami", {}]))
    assert isinstance(answer, ProtocolError)
    assert (answer.code, answer.request_id) == (ErrorCode.UNSUPPORTED_VERSION, 7)


@pytest.mark.parametrize("version", [True, 1.0])
def test_what_merely_equals_the_version_is_not_the_version(version: Any) -> None:
    assert isinstance(answered(encode([version, 7, "whoami", {}])), ProtocolError)
    with pytest.raises(ProtocolError):
        unpack_reply(encode([version, 7, "ok", {}]))


@pytest.mark.parametrize(
    "broken", ["\udcff", "a\udcc3", "\udced\udca0\udc80", "\udcf4\udc90\udc80\udc80", "\udcc0\udc80"]
)
def test_bad_utf8_is_refused_wherever_text_stands(broken: str) -> None:
    body = message_row(["bob"], broken, bytes(16))
    for verb, arguments in (
        ("send", {"messages": [body]}),
        ("login", {"name": broken, "password": "p"}),
        ("whoami", {broken: 1}),
        (broken, {}),
    ):
        assert isinstance(answered(raw_frame([VERSION, 1, verb, arguments])), ProtocolError)


@pytest.mark.parametrize(
    "opening", [b"\x91", b"\x81\xa1a", b"\xdc\x04\x00", b"\xdd\x00\x00\x04\x00", b"\x94\x01\x01\xa4"]
)
@pytest.mark.parametrize("size", [1 << 10, 1 << 16, MAX_REQUEST])
def test_deep_nesting_is_refused_in_bounded_memory(opening: bytes, size: int) -> None:
    frame = (opening * (size // len(opening) + 1))[:size]
    for limits in (REQUEST_LIMITS, REPLY_LIMITS):
        tracemalloc.start()
        with pytest.raises(ProtocolError):
            decode(frame, limits)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 48 << 20


def test_a_frame_over_the_limit_is_refused_unread() -> None:
    error = answered(bytes(MAX_REQUEST + 1))
    assert isinstance(error, ProtocolError)
    assert error.code is ErrorCode.TOO_LARGE


@pytest.mark.parametrize("record", RESULTS, ids=lambda record: record.__name__)
def test_spoiled_results_are_checked_or_refused(record: type[Any]) -> None:
    @thorough(50, 200)
    @given(values=spoiled_map(record))
    def check(values: Any) -> None:
        try:
            reply = unpack_reply(raw_frame([VERSION, 1, "ok", values]))
            assert type(parse_result(record, reply.result)) is record
        except ProtocolError:
            return

    check()


@thorough(150, 800)
@given(
    frame=st.binary(max_size=200)
    | PLAIN.map(raw_frame)
    | st.lists(PLAIN, min_size=4, max_size=4).map(raw_frame)
)
def test_a_bad_reply_is_a_protocol_error(frame: bytes) -> None:
    for reader in (unpack_reply, unpack_key_card):
        try:
            assert isinstance(reader(frame), Reply)
        except ProtocolError:
            continue


@thorough(120, 600)
@given(
    status=PLAIN.filter(lambda status: status != "ok"),
    result=PLAIN | st.fixed_dictionaries({"message": PLAIN}),
)
def test_an_error_reply_has_a_code_and_a_message_or_is_refused(status: Any, result: Any) -> None:
    try:
        reply = unpack_reply(raw_frame([VERSION, 3, status, result]))
    except ProtocolError:
        return
    assert reply.error is not None
    assert reply.error.message == result["message"]
    assert str(reply.error.code) == status or reply.error.code is ErrorCode.INTERNAL


@thorough(120, 600)
@given(data=st.data())
def test_an_altered_key_card_is_a_card_or_a_protocol_error(data: st.DataObject) -> None:
    frame = bytearray(pack_key_card(KEY))
    frame[data.draw(st.integers(0, len(frame) - 1))] = data.draw(st.integers(0, 255))
    try:
        assert len(unpack_key_card(bytes(frame)).key) == 32
    except ProtocolError:
        return


@pytest.mark.parametrize("check", [file_facts, inbox_item, outgoing], ids=lambda check: check.__name__)
def test_a_row_with_one_spoiled_place_is_checked_or_refused(check: Check) -> None:
    @thorough(120, 600)
    @given(row=valid(check), place=st.integers(0, 10), junk=PLAIN | TOO_LONG)
    def spoil(row: list[Any], place: int, junk: Any) -> None:
        row[place % len(row)] = junk
        try:
            # A row that passes is one that would pass again: nothing was kept unchecked.
            kept = check("row", row)
            assert isinstance(kept, UnknownItem) or check("row", _as_lists(kept)) == kept
        except ProtocolError:
            return

    spoil()


def _as_lists(value: Any) -> Any:
    return decode(encode(value), REPLY_LIMITS)


@pytest.mark.parametrize("kind", [*DELIVERIES, "other"])
def test_spoiled_deliveries_are_checked_or_refused(kind: str) -> None:
    record = DELIVERIES.get(kind, DELIVERIES["hello"])

    @thorough(50, 200)
    @given(value=spoiled_map(record).map(lambda values: [kind, values]) | PLAIN)
    def check(value: Any) -> None:
        try:
            found = parse_delivery(decode(raw_frame(value), REPLY_LIMITS))
            assert type(found) is DELIVERIES.get(value[0], UnknownDelivery)
        except ProtocolError:
            return

    check()


@thorough(100, 400)
@given(
    frames=st.lists(st.just(TOPIC) | st.binary(max_size=60) | st.binary(min_size=8, max_size=8), max_size=5)
)
def test_forged_deliveries_open_to_a_protocol_error(frames: list[bytes]) -> None:
    with pytest.raises(ProtocolError):
        Opener(TOPIC, KEY).open(frames)

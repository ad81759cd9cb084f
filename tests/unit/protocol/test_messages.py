"""Every request and every result there and back, made from the schema; the bounds of each kind of field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.codec import REPLY_LIMITS, decode, encode
from cnmessage_protocol.envelope import (
    VERSION,
    Call,
    Reply,
    pack_error,
    pack_key_card,
    pack_request,
    pack_result,
    unpack_key_card,
    unpack_reply,
    unpack_request,
)
from cnmessage_protocol.errors import EXIT_STATUS, ErrorCode, ProtocolError
from cnmessage_protocol.requests import REQUESTS, Request, parse_request
from cnmessage_protocol.results import MAX_RECEIPT_IDS, parse_result, result_values
from tests.support.rows import message_row
from tests.unit.protocol.strategies import UINT63, thorough, valid_map

RECORDS = sorted(REQUESTS.values(), key=lambda record: record.VERB)
RESULTS = sorted({record.RESULT for record in RECORDS}, key=lambda record: record.__name__)


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record.VERB)
def test_every_request_survives_the_wire(record: type[Request]) -> None:
    @thorough(60, 1000)
    @given(arguments=valid_map(record), request_id=UINT63)
    def check(arguments: dict[str, Any], request_id: int) -> None:
        request = parse_request(record.VERB, arguments)
        assert unpack_request(pack_request(request_id, request)) == Call(request_id, request)
        assert unpack_request(encode([VERSION, request_id, record.VERB, arguments])).request == request

    check()


@pytest.mark.parametrize("record", RESULTS, ids=lambda record: record.__name__)
def test_every_result_survives_the_wire(record: type[Any]) -> None:
    @thorough(60, 1000)
    @given(values=valid_map(record), request_id=UINT63)
    def check(values: dict[str, Any], request_id: int) -> None:
        result = parse_result(record, decode(encode(values), REPLY_LIMITS))
        reply = unpack_reply(pack_result(request_id, result_values(result)))
        assert reply == Reply(request_id, reply.result)
        assert parse_result(record, reply.result) == result

    check()


@pytest.mark.parametrize("code", ErrorCode)
def test_every_error_code_has_an_exit_status_and_survives_the_wire_unless_only_a_client_has_it(
    code: ErrorCode,
) -> None:
    reply = unpack_reply(pack_error(9, code, "why"))
    assert reply.error is not None
    told = (
        code if tuple(ErrorCode).index(code) < tuple(ErrorCode).index(ErrorCode.USAGE) else ErrorCode.INTERNAL
    )
    assert (reply.request_id, reply.error.code, reply.error.message) == (9, told, "why")
    assert reply.error.exit_status == EXIT_STATUS[told] > 0
    assert EXIT_STATUS[code] > 0


def test_an_error_code_of_a_later_version_reads_as_internal() -> None:
    reply = unpack_reply(encode([VERSION, 1, "invented_later", {"message": "m"}]))
    assert reply.error is not None
    assert reply.error.code is ErrorCode.INTERNAL


def test_a_long_error_text_is_cut_to_what_a_client_accepts() -> None:
    reply = unpack_reply(pack_error(1, ErrorCode.INTERNAL, "é" * 5000))
    assert reply.error is not None
    assert reply.error.message == "é" * 1024


@given(st.binary(min_size=32, max_size=32))
def test_a_key_card_survives_the_wire(key: bytes) -> None:
    card = unpack_key_card(pack_key_card(key))
    assert (card.version, card.key) == (VERSION, key)


@pytest.mark.parametrize("request_id", [-1, 1 << 63, True, 1.0, "1", None])
def test_a_request_id_is_a_whole_number_of_63_bits(request_id: Any) -> None:
    with pytest.raises(ProtocolError, match="request id"):
        unpack_request(encode([VERSION, request_id, "whoami", {}]))
    assert unpack_request(encode([VERSION, (1 << 63) - 1, "whoami", {}])).request_id == (1 << 63) - 1


@pytest.mark.parametrize(
    ("verb", "arguments", "good"),
    [
        ("signup", {"name": "bob", "password": "é" * 4}, True),
        ("signup", {"name": "bob", "password": "seven77"}, False),
        ("login", {"name": "bob", "password": "€" * 341 + "x"}, True),
        ("login", {"name": "bob", "password": "€" * 341 + "xx"}, False),
        ("login", {"name": "bob", "password": "", "label": "x" * 128}, True),
        ("login", {"name": "bob", "password": "", "label": "x" * 129}, False),
        ("signup", {"name": "all", "password": "long enough"}, False),
        ("block", {"name": "all"}, True),
        ("revoke", {"device": 0}, False),
        ("revoke", {"device": 1}, True),
        ("revoke", {"device": True}, False),
        ("sync", {"after": 0, "limit": 1000}, True),
        ("sync", {"after": 0, "limit": 1001}, False),
        ("sync", {"after": 0, "limit": 0}, False),
        ("sync", {"after": (1 << 63) - 1}, True),
        ("sync", {"after": 1 << 63}, False),
        ("sync", {"after": -1}, False),
        ("sync", {"after": 1.0}, False),
        ("attach", {}, True),
        ("attach", {"cursor": None, "epoch": None}, True),
        ("attach", {"epoch": bytes(15)}, False),
        ("detach", {"listener": bytes(17)}, False),
        ("send", {"messages": []}, False),
        ("send", {"messages": [message_row(["bob"], "x", bytes(16))] * 1000}, True),
        ("send", {"messages": [message_row(["bob"], "x", bytes(16))] * 1001}, False),
        ("receipts", {"ids": [bytes(16)] * MAX_RECEIPT_IDS}, True),
        ("receipts", {"ids": [bytes(16)] * (MAX_RECEIPT_IDS + 1)}, False),
        ("receipts", {"ids": []}, False),
        ("history", {"missed": 1}, False),
        ("users", {"after": "x" * 33}, False),
        ("whoami", None, False),
        ("whoami", [], False),
    ],
)
def test_the_bounds_of_every_kind_of_field(verb: str, arguments: Any, good: bool) -> None:
    frame = encode([VERSION, 5, verb, arguments])
    if good:
        assert verb == unpack_request(frame).request.VERB
        return
    with pytest.raises(ProtocolError) as caught:
        unpack_request(frame)
    assert caught.value.request_id == 5


def test_a_missing_key_is_named() -> None:
    with pytest.raises(ProtocolError, match="'password' is missing"):
        parse_request("login", {"name": "bob"})

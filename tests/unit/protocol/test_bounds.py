"""What a broker may say at most: every number, time and text of an answer has an end that a client checks."""

from typing import Any

import pytest

from cnmessage_protocol.deliveries import parse_delivery
from cnmessage_protocol.errors import ErrorCode, ProtocolError, known_code
from cnmessage_protocol.files.channel import FROM_BROKER, Granted, Kept, pack, unpack
from cnmessage_protocol.records import MAX_BODY, MAX_FILE_NAME, MAX_RECIPIENTS
from cnmessage_protocol.results import (
    HEARTBEATS,
    LONGEST_EXPIRY,
    Attached,
    DeviceList,
    FileList,
    Identity,
    LoggedIn,
    Names,
    Page,
    PasswordChanged,
    Pulse,
    ReadMark,
    ReceiptList,
    Sent,
    UserList,
    parse_result,
)
from cnmessage_protocol.schema import LARGEST, LATEST
from tests.support.rows import item_row

ID, DIGEST = bytes(16), bytes(32)
ITEM = item_row(1)
OFFER = item_row(1, "", kind=2, file=[ID, "a", 1, DIGEST])
FILE = [1, ID, "bob", "a", 1, DIGEST, "", 0, 0, "stored", [["alice", "offered", 0]]]
PAGE = {"items": [ITEM], "head": 1, "more": False, "before": 1}
ATTACHED = {
    "user": "alice",
    "epoch": ID,
    "head": 1,
    "read_upto": 1,
    "listener": ID,
    "key": DIGEST,
    "heartbeat": 1000,
    "expiry": 3000,
    "deliveries": 1,
    "max_body": 1,
    "max_messages": 1,
    "version": 1,
    "capabilities": ["files"],
}
IDENTITY = {"user": "alice", "device": 1, "head": 1, "read_upto": 1, "unread": 1, "blocked": 1}
PULSE = {"head": 1, "epoch": ID, "read_upto": 1}


def at(row: list[Any], *places: Any) -> list[Any]:
    """The row with another value, the last of `places`, at the place that those before it lead to."""
    first, *rest = places
    value = rest[0] if len(rest) == 1 else at(row[first], *rest)
    return [*row[:first], value, *row[first + 1 :]]


def numbers(record: type[Any], values: dict[str, Any], *names: str) -> list[Any]:
    return [pytest.param(record, values, name, LARGEST, id=f"{record.__name__}.{name}") for name in names]


@pytest.mark.parametrize(
    ("record", "values", "name", "most"),
    [
        *numbers(Attached, ATTACHED, "head", "read_upto", "max_body", "max_messages", "version"),
        pytest.param(Attached, ATTACHED, "expiry", LONGEST_EXPIRY, id="expiry"),
        pytest.param(Attached, ATTACHED, "deliveries", 32767, id="deliveries"),
        pytest.param(Attached, {**ATTACHED, "expiry": LONGEST_EXPIRY}, "heartbeat", HEARTBEATS[1], id="beat"),
        *numbers(Identity, IDENTITY, "device", "head", "read_upto", "unread", "blocked"),
        *numbers(Pulse, PULSE, "head", "read_upto"),
        *numbers(Page, PAGE, "head", "before"),
        *numbers(ReadMark, {"read_upto": 1}, "read_upto"),
        *numbers(LoggedIn, {"user": "alice", "device": 1}, "device"),
        *numbers(PasswordChanged, {"revoked": 1}, "revoked"),
    ],
)
def test_a_number_of_an_answer_has_a_largest_value(
    record: type[Any], values: dict[str, Any], name: str, most: int
) -> None:
    assert getattr(parse_result(record, {**values, name: most}), name) == most
    for beyond in (most + 1, 1 << 62, -1):
        with pytest.raises(ProtocolError, match=name):
            parse_result(record, {**values, name: beyond})


def test_a_heartbeat_is_no_spin_and_comes_before_the_expiry() -> None:
    with pytest.raises(ProtocolError, match="heartbeat"):
        parse_result(Attached, {**ATTACHED, "heartbeat": HEARTBEATS[0] - 1})
    with pytest.raises(ProtocolError, match="above"):
        parse_result(Attached, {**ATTACHED, "expiry": ATTACHED["heartbeat"]})


WITHIN_ROWS = [
    ("seq", Page, "items", ITEM, (0,), LARGEST, LARGEST + 1),
    ("time", Page, "items", ITEM, (6,), LATEST, LATEST + 1),
    ("sender", Page, "items", ITEM, (4,), "b" * 32, "b" * 33),
    ("sender that is no name", Page, "items", ITEM, (4,), "b", "../b"),
    ("recipients", Page, "items", ITEM, (5,), ["a"] * MAX_RECIPIENTS, ["a"] * (MAX_RECIPIENTS + 1)),
    ("no recipient", Page, "items", ITEM, (5,), ["a"], []),
    ("recipient", Page, "items", ITEM, (5, 0), "a" * 32, "a" * 33),
    ("body", Page, "items", ITEM, (7,), "é" * (MAX_BODY // 2), "é" * (MAX_BODY // 2) + "e"),
    ("client id", Page, "items", ITEM, (8,), ID, ID + b"\0"),
    ("size of an offer", Page, "items", OFFER, (9, 2), LARGEST, LARGEST + 1),
    ("name of an offer", Page, "items", OFFER, (9, 1), "a" * MAX_FILE_NAME, "a" * (MAX_FILE_NAME + 1)),
    ("order", FileList, "files", FILE, (0,), LARGEST, LARGEST + 1),
    ("owner", FileList, "files", FILE, (2,), "bob", "bob\n"),
    ("size", FileList, "files", FILE, (4,), LARGEST, LARGEST + 1),
    ("file time", FileList, "files", FILE, (7,), LATEST, LATEST + 1),
    ("expires", FileList, "files", FILE, (8,), LATEST, LATEST + 1),
    ("file state", FileList, "files", FILE, (9,), "expired", "burnt"),
    ("recipient's state", FileList, "files", FILE, (10, 0, 1), "failed", "burnt"),
    ("recipient's bytes", FileList, "files", FILE, (10, 0, 2), LARGEST, LARGEST + 1),
    ("acked seq", Sent, "acks", [ID, ID, 1, 1], (2,), LARGEST, LARGEST + 1),
    ("acked recipients", Sent, "acks", [ID, ID, 1, 1], (3,), LARGEST, LARGEST + 1),
    ("reason", Sent, "refused", [ID, "busy", ""], (2,), "x" * 1024, "x" * 1025),
    ("device", DeviceList, "devices", [1, "", 0, 0, True, True], (0,), LARGEST, LARGEST + 1),
    ("label", DeviceList, "devices", [1, "", 0, 0, True, True], (1,), "x" * 128, "x" * 129),
    ("created", DeviceList, "devices", [1, "", 0, 0, True, True], (2,), LATEST, 1 << 62),
    ("seen", DeviceList, "devices", [1, "", 0, 0, True, True], (3,), LATEST, LATEST + 1),
    ("user", UserList, "users", ["bob", True, None], (0,), "b" * 32, "b" * 33),
    ("user seen", UserList, "users", ["bob", True, None], (2,), LATEST, LATEST + 1),
    ("receipt", ReceiptList, "receipts", [ID, [["bob", "read"]]], (1, 0, 1), "stored", "burnt"),
]


@pytest.mark.parametrize(
    ("record", "field", "row", "place", "good", "bad"),
    [pytest.param(*rest, id=name) for name, *rest in WITHIN_ROWS],
)
def test_what_stands_in_a_row_has_its_bounds(
    record: type[Any], field: str, row: list[Any], place: tuple[int, ...], good: Any, bad: Any
) -> None:
    others: dict[type[Any], dict[str, Any]] = {
        Page: PAGE,
        FileList: {"more": False},
        UserList: {"more": False},
        Sent: {"acks": []},
    }
    rest = others.get(record, {})
    parse_result(record, {**rest, field: [at(row, *place, good)]})
    with pytest.raises(ProtocolError):
        parse_result(record, {**rest, field: [at(row, *place, bad)]})


@pytest.mark.parametrize("name", ["", "A", "../../x", "a/b", "a\n", ".a", "a" * 33])
def test_a_user_is_named_as_users_are_because_files_are_named_after_it(name: str) -> None:
    cases: list[tuple[type[Any], dict[str, Any]]] = [
        (LoggedIn, {"device": 1}),
        (Identity, IDENTITY),
        (Attached, ATTACHED),
    ]
    for record, values in cases:
        with pytest.raises(ProtocolError, match="'user' must be a user's name"):
            parse_result(record, {**values, "user": name})
    with pytest.raises(ProtocolError):
        parse_result(Names, {"names": [name]})


@pytest.mark.parametrize(
    "value",
    [
        ["hello", {"head": LARGEST + 1}],
        ["items", {"items": [at(ITEM, 6, 1 << 62)]}],
        ["items", {"items": [ITEM] * 257}],
        ["presence", {"changes": [["bob", True]] * 1025}],
        ["presence", {"changes": [["b b", True]]}],
        ["file_state", {"file": ID, "name": "a", "user": "bob", "state": "burnt"}],
        ["file_state", {"file": ID, "name": "a" * 256, "user": "bob", "state": "done"}],
        ["offer_state", {"file": ID, "name": "a", "user": "bob", "state": "burnt"}],
        ["offer_state", {"file": ID, "name": "a" * 256, "user": "bob", "state": "offered"}],
        ["closed", {"reason": "x" * 33}],
    ],
)
def test_a_delivery_has_its_bounds(value: Any) -> None:
    with pytest.raises(ProtocolError):
        parse_delivery(value)


@pytest.mark.parametrize(
    "message",
    [
        Granted(ID, LARGEST + 1, 0),
        Granted(ID, 0, 1 << 62),
        Kept(ID, ID, LARGEST + 1, 1),
        Kept(ID, ID, 0, 1),
        Kept(ID, ID, 1, LARGEST + 1),
    ],
)
def test_the_file_channel_has_its_bounds(message: Granted | Kept) -> None:
    with pytest.raises(ProtocolError):
        unpack([pack(ID, message)], FROM_BROKER)


def test_a_broker_cannot_name_a_code_that_only_a_client_has() -> None:
    assert known_code("busy") is ErrorCode.BUSY
    for code in ("unreachable", "interrupted", "broker_key_changed", "usage", "partial", "later"):
        assert known_code(code) is ErrorCode.INTERNAL

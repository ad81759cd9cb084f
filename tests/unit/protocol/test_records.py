"""Bodies and recipients of a message: the exact bounds, in characters of one to four bytes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, decode, encode
from cnmessage_protocol.conversation import Direct, Everyone, from_wire
from cnmessage_protocol.envelope import pack_request, unpack_request
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.ids import ClientId, UserName
from cnmessage_protocol.records import (
    MAX_BODY,
    MAX_FILE_NAME,
    MAX_RECIPIENTS,
    InboxItem,
    NewMessage,
    check_body,
    inbox_item,
    outgoing,
    recipients,
    utf8_size,
)
from cnmessage_protocol.requests import MAX_NAMES, Send, parse_request
from cnmessage_protocol.schema import LARGEST, LATEST
from tests.support.rows import item_row, message_row
from tests.unit.protocol.strategies import BODIES, IDS, NAMES, thorough, valid

WIDTHS = pytest.mark.parametrize(("letter", "width"), [("a", 1), ("é", 2), ("€", 3), ("😀", 4)])
CLIENT_ID = ClientId(bytes(16))
BOB = (Direct(UserName("bob")),)
FACTS: list[object] = [bytes(16), "a.txt", 0, bytes(32)]


def filled(letter: str, width: int, size: int) -> str:
    """A text of exactly `size` bytes, made of `letter` as far as it goes."""
    return "x" * (size % width) + letter * (size // width)


@WIDTHS
def test_a_body_of_exactly_64_kib_travels_whole(letter: str, width: int) -> None:
    body = filled(letter, width, MAX_BODY)
    assert len(body.encode()) == utf8_size(body) == 65536
    call = unpack_request(pack_request(1, Send((NewMessage(CLIENT_ID, BOB, body),))))
    assert call.request == Send((NewMessage(CLIENT_ID, BOB, body),))
    item = inbox_item("item", decode(encode(item_row(1, body)), REPLY_LIMITS))
    assert isinstance(item, InboxItem)
    assert item.body == body


@WIDTHS
def test_a_body_one_byte_longer_is_too_large(letter: str, width: int) -> None:
    body = filled(letter, width, MAX_BODY + 1)
    with pytest.raises(ProtocolError, match="65537 bytes") as caught:
        check_body(body)
    assert caught.value.code is ErrorCode.TOO_LARGE
    with pytest.raises(ProtocolError):
        unpack_request(pack_request(1, Send((NewMessage(CLIENT_ID, BOB, body),))))


def test_an_empty_body_is_refused_and_one_byte_is_enough() -> None:
    with pytest.raises(ProtocolError, match="empty"):
        check_body("")
    assert outgoing("messages", message_row(["bob"], "x")).body == "x"


@pytest.mark.parametrize("body", ["\ud800", "a\udfffb", "\udc80" * 70000])
def test_a_lone_surrogate_is_not_a_body(body: str) -> None:
    with pytest.raises(ProtocolError, match="not valid Unicode"):
        check_body(body)


@thorough(100, 2000)
@given(valid(outgoing))
def test_a_message_row_survives_the_wire(row: list[object]) -> None:
    message = outgoing("messages", row)
    assert outgoing("messages", decode(encode(message), REQUEST_LIMITS)) == message


@thorough(100, 2000)
@given(valid(inbox_item))
def test_an_inbox_row_survives_the_wire(row: list[object]) -> None:
    item = inbox_item("items", row)
    assert isinstance(item, InboxItem)
    assert inbox_item("items", decode(encode(item), REPLY_LIMITS)) == item


@pytest.mark.parametrize(("kind", "facts"), [(0, FACTS), (1, FACTS), (2, None)])
def test_items_of_kind_file_and_no_others_tell_of_a_file(kind: int, facts: object) -> None:
    row = item_row(1, "", kind=kind, file=facts)
    with pytest.raises(ProtocolError, match="not of the protocol's form"):
        inbox_item("item", row)


@pytest.mark.parametrize(
    "facts",
    [
        FACTS[:3],
        [*FACTS, 1],
        {},
        [bytes(15), *FACTS[1:]],
        [FACTS[0], b"name", *FACTS[2:]],
        [*FACTS[:2], -1, FACTS[3]],
        [*FACTS[:2], True, FACTS[3]],
        [*FACTS[:3], bytes(31)],
        [*FACTS[:3], "0" * 32],
    ],
)
def test_facts_of_another_form_are_refused(facts: object) -> None:
    with pytest.raises(ProtocolError, match="of its file"):
        inbox_item("item", item_row(1, "", kind=2, file=facts))


def test_the_size_of_an_item_is_never_below_what_it_takes_on_the_wire() -> None:
    most = LARGEST
    facts = [bytes(16), "x" * MAX_FILE_NAME, most, bytes(32)]
    longest = {"direction": 1, "sender": "x" * 32, "to": ["y" * 32] * 256, "time": LATEST}
    for kind, file in ((2, facts), (0, None)):
        item = inbox_item(
            "items", item_row(most, "z" * MAX_BODY, kind=kind, file=file, client_id=bytes(16), **longest)
        )
        assert isinstance(item, InboxItem)
        assert len(encode(item)) <= item.size


@given(IDS, st.lists(NAMES, min_size=1, max_size=40), BODIES | st.integers(1, MAX_BODY).map("é".__mul__))
def test_the_size_of_a_message_is_never_below_what_it_takes_on_the_wire(
    client_id: bytes, to: list[str], body: str
) -> None:
    message = NewMessage(ClientId(client_id), tuple(map(from_wire, to)), body)
    assert len(encode(message)) <= message.size


def test_recipients_number_from_1_to_256() -> None:
    names = [f"user{number}" for number in range(MAX_RECIPIENTS + 1)]
    assert len(recipients(names[:MAX_RECIPIENTS])) == 256
    for wrong in ([], names, "bob", None, {"bob": 1}):
        with pytest.raises(ProtocolError, match="1 to 256 names"):
            recipients(wrong)


def test_recipients_are_lower_cased_and_kept_once_in_their_order() -> None:
    assert recipients(["Carol", "bob", "carol", "BOB"]) == (from_wire("carol"), from_wire("bob"))


@pytest.mark.parametrize("to", [["all", "bob"], ["bob", "ALL"]])
def test_all_stands_alone(to: list[str]) -> None:
    with pytest.raises(ProtocolError, match="stands alone"):
        recipients(to)
    assert recipients(["ALL"]) == (Everyone(),)


@pytest.mark.parametrize("name", ["", "b b", "é", "x" * 33])
def test_a_name_that_no_user_can_have_is_a_bad_request_wherever_it_stands(name: str) -> None:
    with pytest.raises(ProtocolError, match="cannot be a user") as caught:
        recipients([name])
    codes = {caught.value.code}
    for verb, arguments in (
        ("signup", {"name": name, "password": "long enough"}),
        ("login", {"name": name, "password": "x"}),
        ("history", {"peer": name}),
        ("block", {"name": name}),
        ("users", {"after": name or "-"}),
        ("send", {"messages": [[bytes(16), [name], "x", {}]]}),
    ):
        with pytest.raises(ProtocolError, match="characters") as caught:
            parse_request(verb, arguments)
        codes.add(caught.value.code)
    assert codes == {ErrorCode.BAD_REQUEST}


def names_in_all(count: int) -> dict[str, Any]:
    """The arguments of a SEND with so many names in its rows."""
    names = [f"user{number}" for number in range(MAX_RECIPIENTS)]
    full, rest = divmod(count, MAX_RECIPIENTS)
    rows = [names] * full + [names[:rest]] * bool(rest)
    return {"messages": [[bytes([number]) * 16, to, "x", {}] for number, to in enumerate(rows)]}


def test_the_names_of_all_rows_of_a_send_are_bounded() -> None:
    taken = parse_request("send", names_in_all(MAX_NAMES))
    assert isinstance(taken, Send)
    assert sum(len(message.to) for message in taken.messages) == MAX_NAMES
    with pytest.raises(ProtocolError, match="names in all; send them in parts") as refused:
        parse_request("send", names_in_all(MAX_NAMES + 1))
    assert refused.value.code is ErrorCode.TOO_LARGE

"""What a refusal says: under which id it comes, which row and field it names, and in whose words."""

from typing import Any

import msgpack
import pytest

from cnmessage_protocol.codec import REPLY_LIMITS, REQUEST_LIMITS, encode
from cnmessage_protocol.deliveries import Hello, UnknownDelivery, parse_delivery
from cnmessage_protocol.envelope import MAX_REQUEST, unpack_reply, unpack_request
from cnmessage_protocol.errors import ErrorCode, ProtocolError
from cnmessage_protocol.ids import MessageId
from cnmessage_protocol.machines.effects import UnknownNews
from cnmessage_protocol.machines.session import MOST_KINDS, Session
from cnmessage_protocol.records import (
    MAX_BODY,
    MAX_EXTRAS,
    MAX_EXTRAS_SIZE,
    Direction,
    InboxItem,
    UnknownItem,
    inbox_item,
    outgoing,
)
from cnmessage_protocol.requests import parse_request
from cnmessage_protocol.results import Done, Page, parse_result
from cnmessage_protocol.schema import EARLIEST, LATEST
from tests.support.raw import frame
from tests.support.rows import item_row, message_row

HEAD = b"\x94\x01\x07\xa6whoami"
"""An envelope under request id 7, but for its arguments."""

CORRELATABLE = {
    "trailing bytes": (frame("whoami", {}, 7) + b"\0", "bytes follow the msgpack value"),
    "cut short": (frame("whoami", {}, 7)[:-1], "ends too early"),
    "an ext type": (HEAD + b"\xc7\x01\x05\x00", "an ext type is not allowed"),
    "an ext type without data": (HEAD + b"\xc7\x00\x05", "an ext type is not allowed"),
    "a timestamp": (HEAD + b"\xd6\xff\x00\x00\x00\x00", "an ext type is not allowed"),
    "a key that is no text": (frame("whoami", {1: 2}, 7), "a key of a map must be text"),
    "bad UTF-8": (b"\x94\x01\x07\xa6\xff\xfe\xfd\xfc\xfb\xfa\x80", "a text is not valid UTF-8"),
    "a byte that is no msgpack": (HEAD + b"\xc1", "this is not msgpack"),
    "too deep": (HEAD + b"\x91" * 2000, "nested too deep"),
    "a long text": (
        frame("whoami", {"x": "y" * (REQUEST_LIMITS.text + 1)}, 7),
        "a text has more than 131072",
    ),
    "a long bin": (frame("whoami", {"x": bytes(REQUEST_LIMITS.binary + 1)}, 7), "a bin has more than 131072"),
    "a long array": (frame("whoami", {"x": [0] * 1025}, 7), "an array has more than 1024 elements"),
    "a wide map": (frame("whoami", {str(at): 0 for at in range(17)}, 7), "a map has more than 16 entries"),
    "too large": (frame("whoami", {}, 7).ljust(MAX_REQUEST + 1, b"\0"), "over the limit of 1048576"),
    "three elements": (msgpack.packb([1, 7, "whoami"]), "an array of four elements"),
    "five elements": (msgpack.packb([1, 7, "whoami", {}, 0]), "an array of four elements"),
    "another version": (frame("whoami", {}, 7, version=2), "protocol version 1"),
    "a verb that is no text": (frame(7, {}, 7), "the verb must be text"),
    "arguments in a list": (frame("whoami", [], 7), "must be a map"),
}


@pytest.mark.parametrize("name", CORRELATABLE)
def test_a_refusal_has_the_requests_id_wherever_it_can_be_read_and_words_of_ours(name: str) -> None:
    bad, words = CORRELATABLE[name]
    with pytest.raises(ProtocolError, match=words) as caught:
        unpack_request(bad)
    assert caught.value.request_id == 7
    assert not {"unpack", "exceeds", "codec"} & set(caught.value.message.split())


@pytest.mark.parametrize(
    "bad",
    [
        b"",
        b"\xc1\xc1",
        msgpack.packb(7),
        msgpack.packb({"version": 1}),
        msgpack.packb([1]),
        frame("whoami", {}, -1),
        frame("whoami", {}, 1 << 63),
        frame("whoami", {}, True),
        frame("whoami", {}, "7"),
        frame("whoami", {}, 7, version="x" * 40)[:-1],
    ],
)
def test_a_refusal_has_id_0_where_no_id_can_be_read(bad: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        unpack_request(bad)
    assert caught.value.request_id == 0


def test_a_reply_that_cannot_be_read_still_ends_the_question_it_answers() -> None:
    with pytest.raises(ProtocolError) as caught:
        unpack_reply(encode([1, 9, "ok", {"x": "y" * (REPLY_LIMITS.text + 1)}]))
    assert caught.value.request_id == 9


@pytest.mark.parametrize(
    ("row", "words", "code"),
    [
        (
            message_row(["bob"], "x")[:3],
            r"'messages\[3\]' must be an array \[client_id, to, body, extras\]",
            None,
        ),
        (message_row(["bob"], "x", b"short"), r"'messages\[3\]\.client_id' must be 16 bytes", None),
        (message_row([], "x"), r"'messages\[3\]\.to': .* 1 to 256 names", None),
        (message_row(["bob", 7], "x"), r"'messages\[3\]\.to': a name must be text", None),
        (message_row(["b b"], "x"), r"'messages\[3\]\.to': 'b b' cannot be a user", None),
        (message_row(["bob"], 7), r"'messages\[3\]\.body' must be text", None),
        (message_row(["bob"], ""), r"'messages\[3\]\.body': .* empty", None),
        (message_row(["bob"], "x" * (MAX_BODY + 1)), r"'messages\[3\]\.body': .* 65537 bytes", "too_large"),
        (message_row(["bob"], bytes(MAX_BODY + 1)), r"'messages\[3\]\.body': .* 65537 bytes", "too_large"),
        (message_row(["bob"], "x", extras={"mood": 1}), r"'messages\[3\]\.extras': unknown key 'mood'", None),
        ([*message_row(["bob"], "x")[:3], None], r"'messages\[3\]\.extras' must be a map", None),
    ],
)
def test_a_refused_message_is_named_by_its_row_and_field(
    row: list[Any], words: str, code: str | None
) -> None:
    good = message_row(["bob"], "x")
    with pytest.raises(ProtocolError, match=words) as caught:
        parse_request("send", {"messages": [good, good, good, row]})
    assert str(caught.value.code) == (code or "bad_request")


def test_a_body_of_bytes_is_well_formed() -> None:
    assert outgoing("row", message_row(["bob"], b"sealed")).body == b"sealed"
    assert outgoing("row", message_row(["bob"], bytes(MAX_BODY))).body == bytes(MAX_BODY)


@pytest.mark.parametrize(
    ("extras", "good"),
    [
        ({}, True),
        ({"x": [1, {"y": None}]}, True),
        ({str(at): at for at in range(MAX_EXTRAS)}, True),
        ({str(at): at for at in range(MAX_EXTRAS + 1)}, False),
        ({"x" * 32: 0}, True),
        ({"x" * 33: 0}, False),
        ({"": 0}, False),
        ({b"x": 0}, False),
        ({"x": bytes(MAX_EXTRAS_SIZE - 6)}, True),
        ({"x": bytes(MAX_EXTRAS_SIZE)}, False),
        ([], False),
        (None, False),
    ],
)
def test_extras_have_bounds_and_what_is_unknown_in_them_is_left_out(extras: Any, good: bool) -> None:
    if not good:
        with pytest.raises(ProtocolError, match="extras"):
            inbox_item("item", item_row(1, extras=extras))
        return
    item = inbox_item("item", item_row(1, "hello", extras=extras))
    assert isinstance(item, InboxItem)
    assert (item.body, item.extras) == ("hello", {})


FILE_ROW = [bytes(16), "run.sh", 5, bytes(32)]


@pytest.mark.parametrize(
    ("extras", "known"),
    [
        ({}, {}),
        ({"mtime": 0}, {"mtime": 0}),
        ({"mtime": EARLIEST}, {"mtime": EARLIEST}),
        ({"mtime": LATEST, "executable": True, "mood": 1}, {"mtime": LATEST, "executable": True}),
        ({"mtime": None, "executable": False}, {}),
        ({"mtime": LATEST + 1}, None),
        ({"mtime": EARLIEST - 1}, None),
        ({"mtime": True}, None),
        ({"mtime": "1"}, None),
        ({"executable": 1}, None),
        ({"executable": None}, None),
    ],
)
def test_what_an_item_tells_of_its_file_as_it_was_has_bounds(
    extras: dict[str, Any], known: dict[str, Any] | None
) -> None:
    row = item_row(1, "", kind=2, file=FILE_ROW, extras=extras)
    if known is None:
        with pytest.raises(ProtocolError, match=r"'item\.extras\.(mtime|executable)'"):
            inbox_item("item", row)
        return
    item = inbox_item("item", row)
    assert isinstance(item, InboxItem)
    assert item.extras == known
    # Of another kind they mean nothing.
    plain = inbox_item("item", item_row(1, "hello", extras=extras))
    assert isinstance(plain, InboxItem)
    assert plain.extras == {}


@pytest.mark.parametrize(
    "row",
    [
        item_row(4, {"any": 1}, kind=9, sender=None, to=7, client_id=1, file="x", time=8),
        item_row(4, b"sealed", kind=9, time=8),
        item_row(4, "", kind=9, time=8, extras=None),
        item_row(4, "", kind=9, time=8, extras=[1]),
        item_row(4, "", kind=9, time=8, extras={f"key{number}": 1 for number in range(40)}),
        item_row(4, "", kind=9, time=8, extras={"much": "x" * 50_000}),
    ],
)
def test_of_a_kind_to_come_only_what_every_row_tells_is_read(row: list[Any]) -> None:
    identity = MessageId((4).to_bytes(16, "big"))
    assert inbox_item("item", row) == UnknownItem(4, Direction.RECEIVED, identity, 9, 8)


@pytest.mark.parametrize("place", ["seq", "direction", "id", "kind", "time"])
def test_what_every_row_tells_is_checked_whatever_its_kind(place: str) -> None:
    row = {**dict(zip(InboxItem._fields, item_row(4, kind=9), strict=True)), place: "x"}
    with pytest.raises(ProtocolError, match="not of the protocol's form"):
        inbox_item("item", list(row.values()))


def test_a_message_that_is_no_text_is_one_that_cannot_be_shown() -> None:
    item = inbox_item("item", item_row(4, b"sealed"))
    assert isinstance(item, UnknownItem)
    assert item.kind == 0
    with pytest.raises(ProtocolError):
        inbox_item("item", item_row(4, bytes(MAX_BODY + 1)))


def test_what_a_later_broker_adds_to_an_answer_or_a_delivery_is_ignored() -> None:
    assert parse_result(Done, {"more": 1}) == Done()
    page = {"items": [], "head": 0, "more": False, "mood": [1]}
    assert parse_result(Page, page) == Page((), 0, more=False)
    assert parse_delivery(["hello", {"head": 1, "mood": 1}]) == Hello(1)
    assert parse_delivery(["mood", {"who": "bob"}]) == UnknownDelivery("mood")
    with pytest.raises(ProtocolError, match="unknown key 'mood'"):
        parse_request("whoami", {"mood": 1})


def test_each_kind_of_delivery_to_come_is_counted_and_told_once_and_not_without_end() -> None:
    session = Session(lambda: 0.5, deliveries=True)
    kinds = [f"kind-{at // 2}" for at in range(4 * MOST_KINDS)]
    told = [effect for kind in kinds for effect in session.delivered(1.0, UnknownDelivery(kind))]
    assert told == [UnknownNews(f"kind-{at}") for at in range(MOST_KINDS)]
    assert session.unknown == len(kinds)


def test_a_malformed_name_has_the_code_of_every_malformed_field() -> None:
    with pytest.raises(ProtocolError) as caught:
        parse_request("users", {"after": "x" * 33})
    assert caught.value.code is ErrorCode.BAD_REQUEST

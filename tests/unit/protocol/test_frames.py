"""The frames of version 1, byte by byte: what was written once must be read, and written, for ever.

frames_v1.txt holds a line `name`, tab, hex for each: every verb's request and answer, every kind of delivery,
a refusal. A later protocol may add lines; one that changes a line is another version.
"""

from pathlib import Path
from typing import Any

import pytest

from cnmessage_protocol.codec import REPLY_LIMITS, decode, encode
from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.deliveries import (
    DELIVERIES,
    Closed,
    FileState,
    Hello,
    Items,
    OfferState,
    Presence,
    parse_delivery,
)
from cnmessage_protocol.envelope import (
    Reply,
    pack_error,
    pack_request,
    pack_result,
    unpack_reply,
    unpack_request,
)
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import Direction, FileFacts, InboxItem, Kind, NewMessage
from cnmessage_protocol.requests import (
    REQUESTS,
    Ack,
    Attach,
    Beat,
    Blacklist,
    Block,
    Conversations,
    Decline,
    Detach,
    Devices,
    Files,
    History,
    Login,
    Logout,
    Passwd,
    Receipts,
    Request,
    Revoke,
    Send,
    Signup,
    Sync,
    Unblock,
    Users,
    Whoami,
    Withdraw,
)
from cnmessage_protocol.results import (
    Attached,
    ConversationList,
    DeviceList,
    Done,
    FileList,
    Identity,
    ListedConversation,
    ListedDevice,
    ListedFile,
    ListedUser,
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
    result_values,
)
from cnmessage_protocol.schema import plain

RECORDED = dict(
    line.split("\t", 1)
    for line in (Path(__file__).parent / "frames_v1.txt").read_text(encoding="ascii").splitlines()
)

CLIENT_ID = ClientId(bytes.fromhex("018bcfe5680070008000000000000001"))
MESSAGE_ID = MessageId(bytes.fromhex("018bcfe5687b70008000000000000002"))
FILE_ID, TOPIC, KEY = FileId(bytes(range(0xD0, 0xE0))), bytes(range(0xA0, 0xB0)), bytes(range(32))
ALICE, BOB, EVERYONE = UserName("alice"), UserName("bob"), UserName("all")
TIME = 1_700_000_000_123
FACTS = FileFacts(FILE_ID, "plan é.txt", 5, KEY)

ITEMS = (
    InboxItem(1, Direction.RECEIVED, MESSAGE_ID, Kind.DIRECT, ALICE, (BOB,), TIME, "hi ✓", None),
    InboxItem(2, Direction.SENT, MESSAGE_ID, Kind.BROADCAST, BOB, (EVERYONE,), TIME, "all", CLIENT_ID),
    InboxItem(3, Direction.RECEIVED, MESSAGE_ID, Kind.FILE, ALICE, (BOB,), TIME, "", None, FACTS),
)

CALLS: list[tuple[Request, Any]] = [
    (Signup("alice", "long enough", "laptop"), LoggedIn("alice", 1)),
    (Login("alice", "long enough"), LoggedIn("alice", 2)),
    (Logout(), Done()),
    (Passwd("long enough", "long enough too"), PasswordChanged(3)),
    (Whoami(), Identity("alice", 2, 9, 7, 2, 1, TIME)),
    (Devices(), DeviceList((ListedDevice(1, "laptop", TIME, TIME + 1, online=True, current=False),))),
    (Revoke(1), Done()),
    (
        Attach(7, MESSAGE_ID),
        Attached("alice", MESSAGE_ID, 9, 7, TOPIC, KEY, 1000, 3000, 1, 65536, 1000, 1, ("files", "receipts")),
    ),
    (Detach(TOPIC), Done()),
    (Beat(TOPIC, 9), Pulse(9, MESSAGE_ID, 7)),
    (
        Send(
            (
                NewMessage(CLIENT_ID, (Direct(BOB), Direct(ALICE)), "hi ✓"),
                NewMessage(CLIENT_ID, (Direct(BOB),), b"sealed"),
            )
        ),
        Sent(((CLIENT_ID, MESSAGE_ID, 3, 2),), ((CLIENT_ID, "conflict", "another message"),)),
    ),
    (Sync(7, 100), Page(ITEMS, 3, more=False)),
    (
        History(10, Direct(BOB), TIME, TIME + 1, 9, missed=True, unread=True),
        Page(ITEMS[:1], 3, more=True, before=1),
    ),
    (Ack(9), ReadMark(9)),
    (
        Conversations(9, "bob", 20),
        ConversationList(
            (ListedConversation("bob", 2, 7, ITEMS[0]), ListedConversation("all", 0, 9, ITEMS[1])), True
        ),
    ),
    (
        Users("alice", 2),
        UserList((ListedUser("bob", True, TIME), ListedUser("carol", False, None)), more=True),
    ),
    (Block("bob"), Done()),
    (Unblock("bob"), Done()),
    (Blacklist(), Names(("bob", "carol"))),
    (Receipts((MESSAGE_ID,)), ReceiptList(((MESSAGE_ID, (("bob", "read"), ("carol", "stored"))),))),
    (
        Files(sent=True, before=9, limit=20),
        FileList(
            (
                ListedFile(
                    8,
                    FILE_ID,
                    "alice",
                    "a.txt",
                    5,
                    KEY,
                    "note",
                    TIME,
                    TIME + 1,
                    "stored",
                    (("bob", "done", 5),),
                ),
                ListedFile(7, FILE_ID, "alice", "b.txt", 5, None, "", TIME, None, "uploading", ()),
            ),
            more=False,
        ),
    ),
    (Withdraw(FILE_ID), Done()),
    (Decline(FILE_ID), Done()),
]

PUSHES: list[Any] = [
    Hello(9),
    Items(ITEMS),
    Presence((("bob", True), ("carol", False))),
    FileState(FILE_ID, "plan é.txt", "bob", "done"),
    OfferState(FILE_ID, "plan é.txt", "alice", "withdrawn"),
    Closed("shutdown"),
]

WRITTEN: dict[str, bytes] = {
    **{f"request {request.VERB}": pack_request(7, request) for request, _ in CALLS},
    **{f"answer {request.VERB}": pack_result(7, result_values(answer)) for request, answer in CALLS},
    **{f"delivery {each.KIND}": encode([each.KIND, plain(each)]) for each in PUSHES},
    "refusal": pack_error(8, ErrorCode.NO_SUCH_USER, "there is no user 'eve'"),
}


def recorded(name: str) -> bytes:
    """The bytes that stand in the file."""
    return bytes.fromhex(RECORDED[name])


def test_every_verb_every_answer_and_every_delivery_is_recorded() -> None:
    verbs = {f"{side} {verb}" for verb in REQUESTS for side in ("request", "answer")}
    assert RECORDED.keys() == verbs | {f"delivery {kind}" for kind in DELIVERIES} | {"refusal"}


@pytest.mark.parametrize("name", RECORDED)
def test_what_is_written_now_is_what_was_recorded(name: str) -> None:
    assert WRITTEN[name].hex() == RECORDED[name]


@pytest.mark.parametrize(("request_", "answer"), CALLS, ids=lambda each: type(each).__name__)
def test_a_recorded_request_and_its_answer_are_read_as_what_they_were(request_: Request, answer: Any) -> None:
    call = unpack_request(recorded(f"request {request_.VERB}"))
    assert (call.request_id, call.request) == (7, request_)
    reply = unpack_reply(recorded(f"answer {request_.VERB}"))
    assert (reply.request_id, parse_result(request_.RESULT, reply.result)) == (7, answer)


@pytest.mark.parametrize("pushed", PUSHES, ids=lambda each: each.KIND)
def test_a_recorded_delivery_is_read_as_what_it_was(pushed: Any) -> None:
    assert parse_delivery(decode(recorded(f"delivery {pushed.KIND}"), REPLY_LIMITS)) == pushed


def test_a_recorded_refusal_is_read_as_what_it_was() -> None:
    reply = unpack_reply(recorded("refusal"))
    assert reply.error is not None
    assert reply == Reply(8, None, reply.error)
    assert (reply.error.code, reply.error.message) == (ErrorCode.NO_SUCH_USER, "there is no user 'eve'")

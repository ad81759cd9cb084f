"""Messages and inboxes: send, sync, history, ack, receipts, blacklist."""

from cnmessage_broker.loop.handlers.blacklist import MAX_BLOCKED
from cnmessage_broker.loop.handlers.messages import PAGE_BYTES
from cnmessage_protocol.conversation import from_wire
from cnmessage_protocol.errors import ErrorCode
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import InboxItem, NewMessage, row_size
from cnmessage_protocol.requests import (
    Ack,
    Blacklist,
    Block,
    Conversations,
    History,
    Receipts,
    Send,
    Sync,
    Unblock,
    Whoami,
)
from cnmessage_protocol.results import MAX_RECEIPT_IDS, MAX_RECEIPTS, PAGE_ITEMS, Done, Page
from tests.unit.broker.conftest import Room, message

SEVERAL = tuple(map(from_wire, ("erin", "carol", "dave", "bob")))


def bodies(page: Page) -> list[str]:
    return [item.body for item in page.items if isinstance(item, InboxItem)]


def test_each_message_of_a_request_is_stored_or_refused_by_itself(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    good, lost, last = message("bob", "one"), message("nobody"), message("bob", "two")
    sent = room.ask(alice, Send((good, lost, last)))
    assert [(ack[0], ack[2], ack[3]) for ack in sent.acks] == [(good.client_id, 1, 1), (last.client_id, 2, 1)]
    assert [(row[0], row[1]) for row in sent.refused] == [(lost.client_id, "no_such_user")]
    assert bodies(room.ask(bob, Sync(0))) == ["one", "two"]


def test_a_repeated_message_gets_the_same_ack_and_other_content_a_conflict(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    once = message("bob", "one", b"c" * 16)
    first = room.ask(alice, Send((once,)))
    assert room.ask(alice, Send((once,))) == first
    sent = room.ask(alice, Send((message("bob", "two", b"c" * 16),)))
    assert sent.acks == ()
    assert sent.refused[0][:2] == (b"c" * 16, "conflict")
    assert bodies(room.ask(bob, Sync(0))) == ["one"]


def test_a_stopping_broker_takes_no_messages(room: Room) -> None:
    alice, _ = room.users("alice", "bob")
    room.deps.stopping = True
    assert room.refusal(alice, Send((message("bob"),))) is ErrorCode.SHUTDOWN


def test_sending_too_fast_is_refused_for_that_account_alone() -> None:
    room = Room(send_burst=3, send_rate=1.0)
    alice, bob = room.users("alice", "bob")
    room.ask(alice, Send((message("bob"), message("bob"))))
    assert room.refusal(alice, Send((message("bob"), message("bob")))) is ErrorCode.RATE_LIMITED
    room.send(bob, "alice")
    room.monotonic += 1
    room.ask(alice, Send((message("bob"), message("bob"))))
    assert room.ask(bob, Whoami()).head == 5


def test_the_brokers_clock_dates_messages_and_order_survives_its_jumps(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for wall in (2000.0, 1000.0, 3000.0, 0.0):
        room.wall = wall
        room.send(alice, "bob", str(wall))
    items = room.ask(bob, Sync(0)).items
    assert [item.time for item in items] == [2_000_000, 1_000_000, 3_000_000, 0]
    assert [item.seq for item in items] == [1, 2, 3, 4]
    assert [item.id for item in items] == sorted(item.id for item in items)


def test_sync_gives_pages_and_says_whether_there_is_more(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for number in range(5):
        room.send(alice, "bob", str(number))
    first = room.ask(bob, Sync(0, 2))
    assert (bodies(first), first.head, first.more) == (["0", "1"], 5, True)
    last = room.ask(bob, Sync(3, 2))
    assert (bodies(last), last.more) == (["3", "4"], False)
    assert room.ask(bob, Sync(5)) == Page((), 5, more=False)
    assert room.ask(bob, Sync(1 << 60)) == Page((), 5, more=False)


def test_asking_above_a_cursor_means_having_what_lies_below(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    identity = room.send(alice, "bob")
    room.send(alice, "bob")

    def state() -> str:
        ((_, ((_, found),)),) = room.ask(alice, Receipts((identity,))).receipts
        return str(found)

    room.ask(bob, Sync(0))
    assert state() == "stored"
    room.ask(bob, Sync(1))
    assert state() == "delivered"
    room.ask(bob, Ack(1))
    assert state() == "read"


def test_a_page_has_so_many_items_at_most_however_many_were_asked_for(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for number in range(PAGE_ITEMS + 10):
        room.send(alice, "bob", str(number))
    first = room.ask(bob, Sync(0, 1000))
    assert (len(first.items), first.more) == (PAGE_ITEMS, True)
    assert len(room.ask(bob, Sync(first.items[-1].seq, 1000)).items) == 10
    latest = room.ask(bob, History(limit=1000))
    assert (len(latest.items), latest.more) == (PAGE_ITEMS, True)
    assert len(room.ask(bob, History(limit=1000, before=latest.before)).items) == 10


def test_a_page_is_cut_by_bytes_and_the_rest_comes_with_the_next(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    quarter = PAGE_BYTES // 4 - row_size("", (UserName("bob"),))
    written = [letter * quarter for letter in "abcde"]
    for body in written:
        room.send(alice, "bob", body)
    first = room.ask(bob, Sync(0))
    assert (bodies(first), first.more) == (written[:4], True)
    found: list[str] = []
    before = None
    for _turn in range(9):
        page = room.ask(bob, History(limit=9, before=before))
        found = bodies(page) + found
        before = page.before
        if not page.more:
            break
    assert found == written


def test_history_shows_received_or_a_conversation(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    room.send(alice, "bob", "to bob")
    room.send(bob, "alice", "from bob")
    room.send(carol, "alice bob", "from carol")
    assert bodies(room.ask(alice, History())) == ["from bob", "from carol"]
    assert bodies(room.ask(alice, History(peer=from_wire("bob")))) == ["to bob", "from bob"]
    assert bodies(room.ask(alice, History(limit=1))) == ["from carol"]
    assert bodies(room.ask(alice, History(before=3))) == ["from bob"]
    assert room.refusal(alice, History(peer=from_wire("nobody"))) is ErrorCode.NO_SUCH_USER
    assert bodies(room.ask(alice, History(peer=from_wire("all")))) == []


def test_history_keeps_to_since_and_until(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for second in (1, 2, 3):
        room.wall = float(second)
        room.send(alice, "bob", str(second))
    assert bodies(room.ask(bob, History(since=2000))) == ["2", "3"]
    assert bodies(room.ask(bob, History(until=2000))) == ["1"]


def test_unread_is_what_was_received_above_the_read_mark(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for number in range(4):
        room.send(alice, "bob", str(number))
    room.send(bob, "alice", "own")
    room.ask(bob, Ack(2))
    assert bodies(room.ask(bob, History(unread=True))) == ["2", "3"]
    assert bodies(room.ask(bob, History(unread=True))) == ["2", "3"]  # looking reads nothing


def test_unread_of_one_peer_does_not_show_ones_own(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.send(alice, "bob", "unread")
    room.send(bob, "alice", "own")
    assert bodies(room.ask(bob, History(unread=True, peer=from_wire("alice")))) == ["unread"]


def test_of_much_unread_the_latest_come_first_and_the_answer_says_that_there_is_more(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for number in range(5):
        room.send(alice, "bob", str(number))
    page = room.ask(bob, History(limit=2, unread=True))
    assert (bodies(page), page.more) == (["3", "4"], True)
    older = room.ask(bob, History(limit=9, unread=True, before=page.before))
    assert (bodies(older), older.more) == (["0", "1", "2"], False)


def test_the_read_mark_only_rises_and_ends_at_the_head(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for _turn in range(3):
        room.send(alice, "bob")
    marks = [room.ask(bob, Ack(upto)).read_upto for upto in (2, 1, 0, 99, 3)]
    assert marks == [2, 2, 2, 3, 3]
    assert room.ask(bob, Whoami()).unread == 0


def talks(room: Room, who: str) -> list[tuple[str, int, str]]:
    rows = room.ask(who, Conversations()).conversations
    return [(row.name, row.unread, row.last.body) for row in rows]


def test_reading_one_conversation_reads_no_other(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    room.send(carol, "bob", "from carol")
    one = room.send(alice, "bob", "one")
    room.send(alice, "bob", "two")
    assert talks(room, bob) == [("alice", 2, "two"), ("carol", 1, "from carol")]
    room.ask(bob, Ack(2, from_wire("alice")))
    assert talks(room, bob) == [("alice", 1, "two"), ("carol", 1, "from carol")]
    assert bodies(room.ask(bob, History(unread=True))) == ["from carol", "two"]
    assert bodies(room.ask(bob, History(unread=True, peer=from_wire("alice")))) == ["two"]
    assert room.ask(bob, Whoami()).unread == 2
    assert room.ask(alice, Receipts((one,))).receipts == ((one, (("bob", "read"),)),)
    room.ask(bob, Ack(99, from_wire("Alice")))
    assert room.ask(bob, Whoami()).read_upto == 0
    room.ask(bob, Ack(1, from_wire("carol")))
    me = room.ask(bob, Whoami())
    assert (me.unread, me.read_upto) == (0, 3), "nothing is left, so all is read"


def test_the_mark_of_a_conversation_only_rises_and_is_of_somebody_who_exists(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    for number in range(3):
        room.send(alice, "bob", str(number))
    room.ask(bob, Ack(2, from_wire("alice")))
    room.ask(bob, Ack(1, from_wire("alice")))
    assert bodies(room.ask(bob, History(unread=True))) == ["2"]
    assert room.refusal(bob, Ack(3, from_wire("nobody"))) is ErrorCode.NO_SUCH_USER
    room.ask(bob, Ack(3, from_wire("all")))
    assert room.ask(bob, Whoami()).unread == 1


def test_conversations_come_in_pages_with_all_that_one_has_said(room: Room) -> None:
    alice, bob, carol = room.users("alice", "bob", "carol")
    room.attach(bob)
    room.attach(carol)
    room.send(alice, "all", "to everyone")
    room.ask(alice, Send((message("bob", "to both"),)))
    room.send(carol, "alice", "from carol")
    assert talks(room, alice) == [
        ("carol", 1, "from carol"),
        ("bob", 0, "to both"),
        ("all", 0, "to everyone"),
    ]
    first = room.ask(alice, Conversations(limit=2))
    assert first.more
    last = first.conversations[-1]
    rest = room.ask(alice, Conversations(before=last.last.seq, beside=last.name))
    assert ([row.name for row in rest.conversations], rest.more) == (["all"], False)
    assert talks(room, bob)[-1] == ("all", 1, "to everyone")


def test_receipts_are_for_ones_own_messages_only(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    mine, theirs = room.send(alice, "bob"), room.send(bob, "alice")
    assert room.ask(alice, Receipts((mine,))).receipts == ((mine, (("bob", "stored"),)),)
    for wrong in (theirs, MessageId(b"?" * 16)):
        assert room.refusal(alice, Receipts((mine, wrong))) is ErrorCode.NO_SUCH_MESSAGE


def test_receipts_of_many_messages_share_the_limit_of_names(room: Room) -> None:
    everyone = 300
    alice, *others = room.users("alice", *[f"user{number}" for number in range(everyone)])
    for other in others:
        room.attach(other)
    ids = [room.send(alice, "all") for _ in range(MAX_RECEIPT_IDS)]
    for asked, each in ((1, everyone), (2, everyone), (MAX_RECEIPT_IDS, MAX_RECEIPTS // MAX_RECEIPT_IDS)):
        answer = room.ask(alice, Receipts(tuple(ids[:asked])))
        assert [len(rows) for _, rows in answer.receipts] == [each] * asked


def test_receipts_do_not_tell_who_blocks(room: Room) -> None:
    # Blocking is silent: to the sender the message is stored, and stays so.
    alice, bob, _ = room.users("alice", "bob", "carol")
    room.ask(bob, Block("alice"))
    identity = room.send(alice, "bob carol")
    ((_, rows),) = room.ask(alice, Receipts((identity,))).receipts
    assert dict(rows) == {"bob": "stored", "carol": "stored"}


def test_a_blacklist_is_kept_and_told(room: Room) -> None:
    alice, bob, _ = room.users("alice", "bob", "carol")
    for _again in range(2):
        assert room.ask(alice, Block("carol")) == Done()
    room.ask(alice, Block("bob"))
    assert room.ask(alice, Blacklist()).names == ("bob", "carol")
    for _again in range(2):
        assert room.ask(alice, Unblock("carol")) == Done()
    assert room.ask(alice, Blacklist()).names == ("bob",)
    assert room.ask(bob, Blacklist()).names == ()


def test_nobody_blocks_themselves_or_nobody(room: Room) -> None:
    alice = room.user("alice")
    for verb in (Block, Unblock):
        assert room.refusal(alice, verb("nobody")) is ErrorCode.NO_SUCH_USER
        assert room.refusal(alice, verb("alice")) is ErrorCode.CONFLICT


def test_unblocking_brings_nothing_back(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    room.ask(bob, Block("alice"))
    room.send(alice, "bob", "kept out")
    room.ask(bob, Unblock("alice"))
    room.send(alice, "bob", "let in")
    assert bodies(room.ask(bob, Sync(0))) == ["let in"]


def test_a_full_blacklist_takes_no_more_but_a_repetition(room: Room) -> None:
    alice, *_ = room.users("alice", "bob", "carol")
    room.ask(alice, Block("bob"))
    for number in range(MAX_BLOCKED - 1):
        room.user(f"user{number}")
        room.store.block(room.account("alice").id, room.account(f"user{number}").id)
    assert room.refusal(alice, Block("carol")) is ErrorCode.TOO_LARGE
    assert room.ask(alice, Block("bob")) == Done()


def test_a_body_of_bytes_is_refused_by_itself(room: Room) -> None:
    alice, bob = room.users("alice", "bob")
    good, sealed = message("bob", "one"), message("bob")._replace(body=b"sealed")
    sent = room.ask(alice, Send((sealed, good)))
    assert [ack[0] for ack in sent.acks] == [good.client_id]
    ((client_id, code, text),) = sent.refused
    assert (client_id, code) == (sealed.client_id, "bad_request")
    assert "bodies of text only" in text
    assert bodies(room.ask(bob, Sync(0))) == ["one"]


def test_no_conversation_is_lost_between_pages_though_several_have_the_same_last_message(room: Room) -> None:
    alice, *others = room.users("alice", "dave", "bob", "carol", "erin")
    room.ask(alice, Send((message("bob"), NewMessage(ClientId(b"s" * 16), SEVERAL, "to several"))))
    found: list[str] = []
    page = room.ask(alice, Conversations(limit=1))
    while page.conversations:
        found += [row.name for row in page.conversations]
        assert page.more is (len(found) < len(others))
        last = page.conversations[-1]
        page = room.ask(alice, Conversations(before=last.last.seq, beside=last.name, limit=1))
    assert found == ["bob", "carol", "dave", "erin"]

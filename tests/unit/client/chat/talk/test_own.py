"""The talk: own messages, from the line to their last mark."""

import pytest

from cnmessage_client.chat.talk.effects import AskReceipts, MarkRead, Received, SendMessage, Show
from cnmessage_client.chat.talk.entries import Mark, Said
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.model import Delivered
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.states import State
from tests.support.conversations import ALL, BOB
from tests.unit.client.chat.talk.talking import (
    NOON,
    busy,
    lines,
    new_talk,
    own,
    receipt,
    received,
    sent,
    shown,
    some,
    type_in,
    with_bob,
)

NO_USER = CnMessageError(ErrorCode.NO_SUCH_USER, "there is no user 'bob'")


# -- sending ----------------------------------------------------------------------------------------


def test_plain_text_goes_to_the_peer_verbatim() -> None:
    talk = with_bob()
    said = Said("key-1", NOON, "alice", (BOB,), "direct", "  hi there ", Mark.QUEUED)
    assert type_in(talk, "  hi there ") == [Show(said), SendMessage("key-1", (BOB,), "  hi there ")]
    assert busy(talk)


def test_everyone_gets_a_broadcast() -> None:
    talk = new_talk()
    type_in(talk, "to all")
    (said,) = shown(type_in(talk, "hi"))
    assert isinstance(said, Said)
    assert (said.kind, said.to) == ("broadcast", (ALL,))
    assert sent(type_in(talk, "/broadcast hi", "/send all hi")) == [(("all",), "hi")]


@pytest.mark.parametrize(
    ("line", "to", "body"),
    [
        ("send bob hi there", ("bob",), "hi there"),
        ('send bob carol "Lunch?"', ("bob", "carol"), "Lunch?"),
        ("@bob hi", ("bob",), "hi"),
    ],
)
def test_at_home_messages_name_their_recipients(line: str, to: tuple[str, ...], body: str) -> None:
    talk = new_talk()
    effects = type_in(talk, line)
    assert sent(effects) == [(to, body)]
    assert lines(shown(effects)) == [f"alice: {body} …"]
    assert talk.conversation is None


def test_one_to_somebody_else_is_told_in_a_line_here_and_stands_there() -> None:
    talk = with_bob()
    assert lines(shown(type_in(talk, "@carol psst"))) == ["(alice: psst …)"]
    assert lines(shown(talk.stored("key-1", receipt("key-1", 1), 0.0))) == ["(alice: psst ✓)"]
    type_in(talk, "@carol")
    assert lines(talk.entries) == ["alice: psst ✓"]
    type_in(talk, "/home")
    assert lines(talk.entries) == ["alice: psst ✓"]


def test_one_to_several_stands_with_each_of_them() -> None:
    talk = with_bob()
    type_in(talk, '/send bob carol "Lunch?"')
    for line in ("@carol", "@bob", "/home"):
        assert lines(talk.entries) == ["alice: Lunch? …"], line
        type_in(talk, line)


def test_without_a_user_nothing_is_sent() -> None:
    talk = new_talk(None)
    for line in ("send bob hi", "@bob hi", "to bob", "more"):
        (trouble,) = lines(shown(type_in(talk, line)))
        assert trouble.startswith("! nobody is logged in here; use: login NAME")
    assert not busy(talk)


# -- marks ------------------------------------------------------------------------------------------


def marks(talk: Talk) -> list[str]:
    return [each.mark.value for each in talk.entries if isinstance(each, Said) and each.mark is not None]


def test_a_mark_goes_from_queued_over_stored_to_delivered() -> None:
    talk = with_bob()
    type_in(talk, "hi", now=100.0)
    assert marks(talk) == ["…"]
    (show,) = talk.stored("key-1", receipt("key-1", 5), 100.0)
    assert isinstance(show, Show)
    assert show.again
    assert (marks(talk), busy(talk)) == (["✓"], False)
    assert talk.deadline() == 100.1
    assert talk.tick(100.1) == [AskReceipts(["id-5"])]
    assert talk.receipts([Delivered("id-5", {"bob": "stored"})], 100.2) == []
    (show,) = talk.receipts([Delivered("id-5", {"bob": "delivered"})], 100.4)
    assert lines(shown([show])) == ["alice: hi ✓✓"]
    assert talk.deadline() is None


def test_receipt_and_own_copy_may_come_in_either_order_and_show_nothing_twice() -> None:
    for copy_first in (True, False):
        talk = with_bob()
        type_in(talk, "hi")
        told = []
        for copy in (copy_first, not copy_first):
            effects = (
                talk.came(own(5, "key-1"), 0.0) if copy else talk.stored("key-1", receipt("key-1", 5), 0.0)
            )
            told.append(lines(shown(effects)))
        assert told == [["alice: hi ✓"], []]
        assert lines(talk.entries) == ["alice: hi ✓"]


def test_an_own_copy_is_known_even_when_its_line_is_gone_and_delivered() -> None:
    talk = with_bob()
    type_in(talk, "hi")
    talk.stored("key-1", receipt("key-1", 5), 0.0)
    talk.receipts([Delivered("id-5", {"bob": "read"})], 0.0)
    type_in(talk, "/clear")
    assert talk.came(own(5, "key-1"), 0.0) == [MarkRead(5)]
    assert talk.entries == []


def test_an_earlier_answer_confirms_what_was_on_its_way() -> None:
    talk = with_bob()
    type_in(talk, "hi")
    talk.earlier(BOB, [own(5, "key-1", body="hi")], 0.0)
    assert lines(talk.entries) == ["alice: hi ✓"]
    assert not busy(talk)


def test_what_another_listener_sends_is_shown_stored_and_followed() -> None:
    talk = with_bob()
    effects = talk.came(own(5, "far"), 10.0)
    assert lines(shown(effects)) == ["alice: text 5 ✓"]
    assert not some(effects, Received)
    assert talk.tick(10.0) == [AskReceipts(["id-5"])]
    assert lines(shown(talk.receipts([Delivered("id-5", {"bob": "read"})], 10.0))) == ["alice: text 5 ✓✓"]
    assert shown(talk.came(own(6, "far-2", "carol"), 10.0)) == []
    assert talk.status(0.0).unread == ()
    type_in(talk, "@carol")
    assert lines(talk.entries) == ["alice: text 6 ✓"]


def test_a_message_to_oneself_is_no_news() -> None:
    talk = with_bob()
    type_in(talk, "@alice note to self")
    effects = talk.came(received(5, "alice", client_id="key-1"), 0.0)
    assert lines(shown(effects)) == ["(alice: note to self ✓)"]
    assert not some(effects, Received)
    assert talk.status(0.0).unread == ()


def test_a_broadcast_that_reached_nobody_says_so() -> None:
    talk = new_talk()
    type_in(talk, "send all hi")
    effects = talk.stored("key-1", receipt("key-1", 5, recipients=0), 0.0)
    assert lines(shown(effects)) == [
        "alice: hi ✓",
        "* nobody else is online, so the message reached nobody",
    ]
    assert talk.deadline() is None


def test_receipts_are_asked_when_a_recipient_comes_and_not_without_a_connection() -> None:
    talk = with_bob()
    type_in(talk, "hi")
    talk.stored("key-1", receipt("key-1", 5), 0.0)
    talk.tick(0.1)
    talk.tick(0.3)
    talk.tick(1.0)
    talk.tick(3.0)
    assert talk.deadline() == 18.0
    talk.presence([("bob", True)], 5.0)
    assert some(talk.tick(5.1), AskReceipts) == [AskReceipts(["id-5"])]
    talk.moved(State.WAITING, 100.0, 6.0)
    assert some(talk.tick(60.0), AskReceipts) == []
    talk.moved(State.LIVE, 0.0, 61.0)
    assert some(talk.tick(61.0), AskReceipts) == [AskReceipts(["id-5"])]


# -- failures ---------------------------------------------------------------------------------------


def test_a_failed_line_says_why_and_retry_sends_it_again_under_its_key() -> None:
    talk = with_bob()
    type_in(talk, "hi")
    (show,) = talk.failed("key-1", NO_USER, 0.0)
    assert isinstance(show, Show)
    assert isinstance(show.entry, Said)
    assert (show.again, show.entry.mark, show.entry.reason) == (True, Mark.FAILED, NO_USER.message)
    assert not busy(talk)
    effects = type_in(talk, "/retry")
    assert lines(shown(effects)) == ["alice: hi …"]
    assert some(effects, SendMessage) == [SendMessage("key-1", (BOB,), "hi")]
    talk.stored("key-1", receipt("key-1", 5), 0.0)
    assert lines(talk.entries) == ["alice: hi ✓"]
    assert lines(shown(type_in(talk, "/retry"))) == ["* nothing has failed"]


def test_retry_all_sends_everything_in_order() -> None:
    talk = with_bob()
    for number in (1, 2):
        type_in(talk, f"text {number}")
        talk.failed(f"key-{number}", NO_USER, 0.0)
    assert sent(type_in(talk, "/retry all")) == [(("bob",), "text 1"), (("bob",), "text 2")]


def test_a_failure_is_told_where_its_line_cannot_be_seen_and_so_is_its_retry() -> None:
    talk = with_bob()
    type_in(talk, "hi", "@carol")
    assert lines(shown(talk.failed("key-1", NO_USER, 0.0))) == [
        "! a message to bob failed: there is no user 'bob'; '/retry' sends it again"
    ]
    assert lines(shown(type_in(talk, "/retry"))) == ["(alice: hi …)"]


def test_a_name_that_may_belong_to_the_text_is_told() -> None:
    talk = new_talk()
    type_in(talk, 'send bob he said "no"')
    (mark, trouble) = lines(shown(talk.failed("key-1", NO_USER, 0.0)))
    assert mark == "alice: no ✗"
    assert trouble.endswith("If 'said' belongs to the text, put the whole text in quotes")


def test_an_own_copy_after_a_failure_shows_that_it_was_stored() -> None:
    talk = with_bob()
    type_in(talk, "hi")
    talk.failed("key-1", CnMessageError(ErrorCode.UNREACHABLE, "no answer"), 0.0)
    assert lines(shown(talk.came(own(5, "key-1"), 0.0))) == ["alice: hi ✓"]


def test_news_of_unknown_messages_change_nothing() -> None:
    talk = with_bob()
    assert talk.failed("key-9", NO_USER, 0.0) == []
    assert talk.stored("key-9", receipt("key-9", 1), 0.0) == []
    assert talk.receipts([Delivered("id-9", {"bob": "read"})], 0.0) == []

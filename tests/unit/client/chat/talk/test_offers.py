"""Files that others offer: what becomes of them is asked for, and the offer is shown as it is then."""

from dataclasses import replace
from itertools import pairwise
from typing import Literal

import pytest

from cnmessage_client.chat.talk.bounds import BOUNDS
from cnmessage_client.chat.talk.effects import AskFiles, Effect, Show
from cnmessage_client.chat.talk.entries import Mark, Preview, Said
from cnmessage_client.chat.talk.offers import FIRST, LAST
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_client.model import (
    Delivered,
    FileInfo,
    FileStatus,
    Message,
    MessageFile,
    RecipientState,
    RecipientStatus,
)
from cnmessage_protocol.deliveries import OfferState
from cnmessage_protocol.ids import id_text
from cnmessage_protocol.machines.states import State
from tests.support.conversations import BOB
from tests.unit.client.chat.talk.talking import (
    NOON,
    at_bob,
    lines,
    new_talk,
    own,
    received,
    shown,
    some,
    type_in,
)


def file_of(seq: int) -> MessageFile:
    """The file of the message SEQ; its id says which."""
    return MessageFile(id_text(bytes([seq]) * 16), f"{seq}.txt", 1, "00")


def news(seq: int, state: str) -> OfferState:
    """What the broker tells of that file."""
    return OfferState(bytes([seq]) * 16, f"{seq}.txt", "bob", state)


def offered(seq: int, sender: str = "bob") -> Message:
    """Somebody offers alice that file."""
    return received(seq, sender, kind="file", file=file_of(seq))


def info(seq: int, state: FileStatus = "stored", mine: RecipientStatus = "offered") -> FileInfo:
    """What the broker lists of that file."""
    recipients = (RecipientState("alice", mine, 0),)
    return FileInfo(file_of(seq).id, f"{seq}.txt", 1, "00", "bob", "", NOON, None, state, recipients)


def fates(talk: Talk) -> list[str]:
    """Of each offer that stands in the open view, what has become of it."""
    saids = [
        each.said if isinstance(each, Preview) else each
        for each in talk.entries
        if isinstance(each, Said | Preview)
    ]
    return [each.gone for each in saids]


def asked(effects: list[Effect]) -> list[tuple[str, ...]]:
    """What is asked for."""
    return [tuple(each.ids) for each in some(effects, AskFiles)]


@pytest.mark.parametrize(
    ("listed", "fate"),
    [
        ([info(1)], ""),
        ([info(1, mine="fetching")], ""),
        ([info(1, mine="done")], ""),
        ([info(1, mine="failed")], "declined"),
        ([info(1, "withdrawn")], "withdrawn"),
        ([info(1, "withdrawn", "done")], "withdrawn"),
        ([info(1, "expired", "expired")], "expired"),
        ([info(1, "expired", "done")], "expired"),
        ([info(2)], "gone"),
    ],
)
def test_an_offer_is_shown_as_what_became_of_the_file(listed: list[FileInfo], fate: str) -> None:
    talk = new_talk()
    talk.came(offered(1), 0.0)
    assert asked(talk.tick(0.0)) == [(file_of(1).id,)]
    effects = talk.files(listed, AskFiles((file_of(1).id,)))
    assert fates(talk) == [fate]
    assert [each.again for each in some(effects, Show)] == ([True] if fate else [])


def test_what_was_declined_and_is_fetched_after_all_is_offered_again() -> None:
    talk = new_talk()
    talk.came(offered(1), 0.0)
    talk.files([info(1, mine="failed")], AskFiles((file_of(1).id,)))
    assert fates(talk) == ["declined"]
    talk.files([info(1, mine="fetching")], AskFiles((file_of(1).id,)))
    assert fates(talk) == [""]


def test_it_is_asked_ever_more_seldom_and_at_once_when_something_is_typed() -> None:
    talk = new_talk()
    talk.came(offered(1), 0.0)
    times, now = [], 0.0
    for _ in range(8):
        now = talk.deadline() or 0.0
        assert asked(talk.tick(now)) == [(file_of(1).id,)]
        talk.files([info(1)], AskFiles((file_of(1).id,)))
        times.append(now)
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses[0] == FIRST
    assert pauses == sorted(pauses)
    assert pauses[-1] == LAST
    type_in(talk, "/who", now=now + FIRST)
    assert asked(talk.tick(now + FIRST)) == [(file_of(1).id,)]
    type_in(talk, "/who", now=now + FIRST)
    assert asked(talk.tick(now + FIRST)) == [], "not at every line"


def test_nothing_is_asked_without_a_connection_nor_of_what_is_gone() -> None:
    talk = new_talk()
    talk.came(offered(2), 0.0)
    talk.moved(State.WAITING, 1.0, 0.0)
    assert asked(talk.tick(100.0)) == []
    talk.moved(State.LIVE, 0.0, 200.0)
    assert asked(talk.tick(200.0)) == [(file_of(2).id,)]
    talk.files([info(2, "withdrawn")], AskFiles((file_of(2).id,)))
    assert asked(talk.tick(1000.0)) == []


@pytest.mark.parametrize("heard", [True, False])
@pytest.mark.parametrize("state", ["withdrawn", "expired"])
def test_an_own_file_is_shown_as_what_became_of_it_whatever_its_mark(
    state: Literal["withdrawn", "expired"], *, heard: bool
) -> None:
    talk = at_bob()
    talk.came(own(1, "key-1", file=file_of(1), kind="file"), 0.0)
    (question,) = some(talk.tick(0.0), AskFiles)
    assert (question.ids, question.sent) == ((file_of(1).id,), True)
    talk.files([info(1, mine="failed")], question)
    assert fates(talk) == [""], "one recipient who declines ends it for nobody else"
    talk.receipts([Delivered("id-1", {"bob": "delivered"})], 0.0)
    effects = talk.offer_moved(news(1, state)) if heard else talk.files([info(1, state)], question)
    assert [(each.mark, each.gone) for each in shown(effects) if isinstance(each, Said)] == [
        (Mark.DELIVERED, state)
    ]


def test_a_mark_that_comes_later_leaves_what_became_of_the_file() -> None:
    talk = at_bob()
    talk.came(own(1, "key-1", file=file_of(1), kind="file"), 0.0)
    talk.offer_moved(news(1, "withdrawn"))
    talk.receipts([Delivered("id-1", {"bob": "delivered"})], 0.0)
    assert fates(talk) == ["withdrawn"]
    (said,) = [each for each in talk.entries if isinstance(each, Said)]
    assert said.mark is Mark.DELIVERED


def test_what_the_broker_tells_is_shown_without_a_question_and_may_come_before_the_offer() -> None:
    talk = at_bob()
    talk.came(offered(1), 0.0)
    for state, fate in (("declined", "declined"), ("offered", ""), ("withdrawn", "withdrawn")):
        effects = talk.offer_moved(news(1, state))
        assert [each.again for each in some(effects, Show)] == [True]
        assert fates(talk) == [fate]
    assert talk.offer_moved(news(1, "offered")) == [], "what was taken back stays so"
    talk.offer_moved(news(2, "expired"))
    talk.came(offered(2), 0.0)
    assert fates(talk) == ["withdrawn", "expired"]


def test_what_is_loaded_is_shown_as_what_became_of_it_at_once_if_that_is_known() -> None:
    talk = at_bob()
    talk.files(
        [info(1, "withdrawn"), info(2)],
        AskFiles(
            (
                file_of(1).id,
                file_of(2).id,
            )
        ),
    )
    type_in(talk, "/more")
    talk.earlier(BOB, [offered(1), offered(2)], 0.0)
    assert fates(talk) == ["withdrawn", ""]


def test_a_line_about_another_conversation_is_brought_up_to_date_and_goes_on_counting() -> None:
    talk = at_bob()
    talk.came(received(1, "carol"), 0.0)
    talk.came(offered(2, "carol"), 0.0)
    talk.files([info(2, "expired")], AskFiles((file_of(2).id,)))
    (preview,) = [each for each in talk.entries if isinstance(each, Preview)]
    assert (preview.count, preview.said.gone) == (2, "expired")
    talk.came(received(3, "carol"), 0.0)
    (preview,) = [each for each in talk.entries if isinstance(each, Preview)]
    assert preview.count == 3


def test_line_by_line_it_is_said_wherever_one_is() -> None:
    talk = at_bob(whole_previews=True, can_ask=False)
    talk.came(offered(1, "carol"), 0.0)
    type_in(talk, "/home")
    effects = talk.files([info(1, "withdrawn")], AskFiles((file_of(1).id,)))
    assert lines(shown(effects))[-1] == "* [withdrawn] carol: 1.txt"


def test_only_so_many_are_asked_about_the_latest_ones() -> None:
    talk = new_talk(bounds=replace(BOUNDS, watched=3))
    for seq in range(1, 6):
        talk.came(offered(seq), 0.0)
    assert asked(talk.tick(0.0)) == [(file_of(3).id, file_of(4).id, file_of(5).id)]

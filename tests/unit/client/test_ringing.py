"""What rings, with what text, and how often."""

from datetime import UTC, datetime
from typing import Any

import pytest

from cnmessage_client.model import Message, MessageFile
from cnmessage_client.ringing import Notification, NotifyLevel, Ringing, mentions, notification_of, rings

NOON = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ALL, MENTIONS, NONE = NotifyLevel


def message(body: str = "hi", sender: str = "bob", **fields: Any) -> Message:
    """A direct message to alice, unless it is said otherwise."""
    known = {"kind": "direct", "to": ("alice",), "received": True, "client_id": None, **fields}
    return Message(id="m", seq=1, sender=sender, time=NOON, body=body, **known)


DIRECT, FILE = message(), message(kind="file")
BROADCAST, MENTION = (message(each, kind="broadcast", to=("all",)) for each in ("hi", "hi @Alice!"))
OWN = message(sender="alice", to=("bob",), received=False)


@pytest.mark.parametrize(
    ("level", "ringing"),
    [
        (ALL, [DIRECT, FILE, BROADCAST, MENTION]),
        (MENTIONS, [DIRECT, FILE, MENTION]),
        (NONE, []),
    ],
)
def test_what_rings_at_each_level(level: NotifyLevel, ringing: list[Message]) -> None:
    every = [DIRECT, FILE, BROADCAST, MENTION, OWN]
    assert [each for each in every if rings(each, "alice", level)] == ringing
    assert not [each for each in every if rings(each, "alice", level, seen=True)]


@pytest.mark.parametrize(
    "text",
    [
        "@alice", "@ALICE", "hi @Alice.", "(@alice)", "@alice, @bob", "@bob/@alice", "@alice's turn",
        "see @alice...", "one\n@alice\ntwo", "你好@alice你好", "@alice!", "@alice-", "@alice: yes", "-@alice",
        "x " * 30_000 + "@alice",
    ],
)  # fmt: skip
def test_a_name_behind_an_at_is_a_mention_as_a_word_in_any_case(text: str) -> None:
    assert mentions(text, "alice")


@pytest.mark.parametrize(
    "text",
    [
        "alice", "@ alice", "@alicea", "@alice2", "@alice_", "@alice-b", "@alice.b", "@alice--b", "a@alice",
        "@@alice",
        "@all", "@everyone", "@al\u200bice", "@al\u0131ce", "\uff20alice", "@alic", "", "@", "@" * 60_000,
    ],
)  # fmt: skip
def test_other_names_other_words_and_everyone_are_no_mention(text: str) -> None:
    assert not mentions(text, "alice")


def test_a_name_with_dots_is_a_name_and_no_pattern() -> None:
    assert mentions("@a.b-c here", "a.b-c")
    assert not mentions("@axb-c here", "a.b-c")


def test_letters_that_only_ignoring_case_makes_alike_are_no_mention() -> None:
    assert not mentions("@\u212aarl and @\u017fam", "karl")
    assert not mentions("@\u017fam", "sam")


def test_the_text_says_who_and_to_everyone_perhaps_and_which_file() -> None:
    assert notification_of(DIRECT) == Notification("bob", "hi")
    assert notification_of(BROADCAST) == Notification("bob → all", "hi")
    file = MessageFile("f", "report.pdf", 3, "0" * 64)
    assert notification_of(message("page 3", kind="file", file=file)).body == "[file] report.pdf page 3"
    assert notification_of(message("", kind="file", file=file)).body == "[file] report.pdf"
    assert len(notification_of(message("x" * 65_536)).body) < 2_000


# -- how often --------------------------------------------------------------------------------------


def test_of_a_flood_one_is_told_and_a_pause_later_how_many_more_came_and_from_whom() -> None:
    ringing = Ringing(pause=1.0)
    assert ringing.came(message("first", "bot"), 10.0) == Notification("bot", "first")
    for number in range(12):
        assert ringing.came(message(str(number), ("bot", "carol")[number % 2]), 10.0 + number / 100) is None
    assert [ringing.deadline, ringing.tick(10.9)] == [11.0, None]
    assert ringing.tick(11.0) == Notification("cnmessage", "12 more from bot, carol")
    assert [ringing.deadline, ringing.tick(11.1)] == [None, None]
    assert ringing.came(message("late", "bot"), 11.5) is None
    assert ringing.tick(12.0) == Notification("bot", "late")


def test_what_comes_after_the_pause_takes_what_waits_along() -> None:
    ringing = Ringing(pause=1.0)
    ringing.came(message(), 0.0)
    ringing.came(message(), 0.5)
    assert ringing.came(message(sender="carol"), 3.0) == Notification("cnmessage", "2 more from bob, carol")
    assert ringing.came(message(), 3.9) is None


def test_however_many_write_a_few_are_named() -> None:
    ringing = Ringing(pause=1.0)
    ringing.came(message(), 0.0)
    for number in range(100_000):
        ringing.came(message(sender=f"bot{number}"), 0.5)
    assert ringing.tick(1.0) == Notification("cnmessage", "100,000 more from bot0, bot1, bot2 and others")


def test_a_flood_of_an_hour_is_told_once_a_pause() -> None:
    ringing = Ringing(pause=1.0)
    told = [ringing.came(message(), now / 16) for now in range(16 * 60)]
    assert sum(each is not None for each in told) == 60


def test_at_the_end_what_waits_is_told() -> None:
    ringing = Ringing(pause=1.0)
    assert ringing.flush(0.0) is None
    ringing.came(message(), 0.0)
    ringing.came(message("two"), 0.1)
    assert ringing.flush(0.2) == Notification("bob", "two")
    assert [ringing.flush(0.3), ringing.deadline] == [None, None]

"""Own messages: their marks, and when the broker is asked how far they are."""

from collections.abc import Mapping

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.entries import Mark, Said
from cnmessage_client.chat.talk.outgoing import EVERY, Outgoing
from cnmessage_client.chat.talk.views import said_of
from cnmessage_client.model import Delivered, Level
from cnmessage_protocol.results import MAX_RECEIPT_IDS
from tests.support.conversations import BOB, whom
from tests.unit.client.chat.talk.talking import own


def queued(key: str, *to: str) -> Said:
    return Said(key, own(1, key).time, "alice", whom(*to) or (BOB,), "direct", "hi", Mark.QUEUED)


def up(bounds: Bounds = BOUNDS) -> Outgoing:
    outgoing = Outgoing(bounds)
    outgoing.linked(0.0, up=True)
    return outgoing


def stored(outgoing: Outgoing, number: int, now: float = 0.0, *to: str) -> None:
    outgoing.queue(queued(f"key-{number}", *to), now)
    outgoing.stored(f"key-{number}", f"id-{number}", number, now)


def delivered(number: int, states: Mapping[str, Level]) -> list[Delivered]:
    return [Delivered(f"id-{number}", states)]


def marks(saids: list[Said]) -> list[tuple[str, Mark | None]]:
    return [(each.key, each.mark) for each in saids]


def asked(outgoing: Outgoing, until: float) -> list[tuple[float, list[str]]]:
    """All questions up to a time."""
    found = []
    while (due := outgoing.deadline) is not None and due <= until:
        found += [(round(due, 3), list(ids)) for ids in outgoing.tick(due)]
    return found


def test_from_queued_over_stored_to_delivered() -> None:
    outgoing = up()
    outgoing.queue(queued("key-1"), 0.0)
    assert bool(outgoing.waiting(0.0, up=False))
    said = outgoing.stored("key-1", "id-1", 7, 0.0)
    assert said is not None
    assert (said.mark, said.seq, bool(outgoing.waiting(0.0, up=False))) == (Mark.STORED, 7, False)
    assert outgoing.stored("key-1", "id-1", 7, 0.0) is None
    assert outgoing.receipts(delivered(1, {"bob": "stored"})) == []
    assert marks(outgoing.receipts(delivered(1, {"bob": "stored", "carol": "read"}))) == [
        ("key-1", Mark.DELIVERED)
    ]
    assert outgoing.deadline is None
    assert outgoing.ours("key-1")


def test_a_failed_one_is_sent_again_under_its_key() -> None:
    outgoing = up()
    for number in (1, 2, 3):
        outgoing.queue(queued(f"key-{number}"), 0.0)
        said = outgoing.failed(f"key-{number}", "no such user")
        assert said is not None
        assert (said.mark, said.reason) == (Mark.FAILED, "no such user")
    assert not bool(outgoing.waiting(0.0, up=False))
    assert marks(outgoing.retry(0.0, everything=False)) == [("key-3", Mark.QUEUED)]
    again = outgoing.retry(0.0, everything=True)
    assert marks(again) == [("key-1", Mark.QUEUED), ("key-2", Mark.QUEUED)]
    assert {each.reason for each in again} == {""}
    assert outgoing.retry(0.0, everything=True) == []
    assert bool(outgoing.waiting(0.0, up=False))


def test_one_that_failed_here_but_was_stored_is_stored() -> None:
    outgoing = up()
    outgoing.queue(queued("key-1"), 0.0)
    outgoing.failed("key-1", "no answer")
    said = outgoing.stored("key-1", "id-1", 7, 0.0)
    assert said is not None
    assert (said.mark, said.reason) == (Mark.STORED, "")
    assert outgoing.failed("key-1", "too late") is None
    assert outgoing.retry(0.0, everything=True) == []


def test_it_is_asked_for_soon_and_then_now_and_then() -> None:
    outgoing = up()
    stored(outgoing, 1, now=10.0)
    times = [time for time, ids in asked(outgoing, 50.0) if ids == ["id-1"]]
    assert times == [10.1, 10.3, 11.0, 13.0, 28.0, 43.0]
    assert times[-1] - times[-2] == EVERY


def test_nobody_is_asked_without_a_connection_and_all_at_once_when_it_is_back() -> None:
    outgoing = up()
    stored(outgoing, 1)
    stored(outgoing, 2)
    outgoing.linked(0.0, up=False)
    assert outgoing.deadline is None
    assert outgoing.tick(1000.0) == []
    outgoing.linked(1000.0, up=True)
    assert outgoing.tick(1000.0) == [["id-1", "id-2"]]


def test_when_a_recipient_comes_online_it_is_asked_for_soon() -> None:
    outgoing = up()
    stored(outgoing, 1, 0.0, "bob", "carol")
    stored(outgoing, 2, 0.0, "dave")
    asked(outgoing, 5.0)
    outgoing.came_online({"carol", "erin"}, 6.0)
    assert [(time, ids) for time, ids in asked(outgoing, 10.0)] == [
        (6.1, ["id-1"]),
        (6.3, ["id-1"]),
        (7.0, ["id-1"]),
        (9.0, ["id-1"]),
    ]


def test_one_question_has_no_more_ids_than_the_broker_takes() -> None:
    outgoing = up()
    for number in range(40):
        stored(outgoing, number)
    assert [len(ids) for ids in outgoing.tick(0.1)] == [MAX_RECEIPT_IDS, MAX_RECEIPT_IDS, 8]


def test_all_but_what_waits_is_bounded() -> None:
    outgoing = up(Bounds(watched=3, failed=3, keys=3))
    for number in range(5):
        stored(outgoing, number)
        outgoing.queue(queued(f"bad-{number}"), 0.0)
        outgoing.failed(f"bad-{number}", "no")
    assert outgoing.tick(0.1) == [["id-2", "id-3", "id-4"]]
    assert [said.key for said in outgoing.retry(0.0, everything=True)] == ["bad-2", "bad-3", "bad-4"]
    assert not outgoing.ours("key-0")


def test_those_from_elsewhere_are_watched_where_there_is_room() -> None:
    outgoing = up(Bounds(watched=2))
    for number in (1, 2, 3):
        outgoing.watch(said_of(own(number, f"far-{number}")), f"id-{number}", 5.0)
    assert asked(outgoing, 9.0) == [(time, ["id-1", "id-2"]) for time in (5.0, 5.3, 6.0, 8.0)]
    assert outgoing.deadline == 8.0 + EVERY


def test_one_without_recipients_is_not_watched() -> None:
    outgoing = up()
    stored(outgoing, 1)
    outgoing.reached_nobody("id-1")
    assert outgoing.deadline is None


def test_the_status_line_counts_what_waits_but_not_what_was_just_sent() -> None:
    outgoing = up()
    outgoing.queue(queued("key-1"), 10.0)
    assert [outgoing.waiting(now, up=True) for now in (10.0, 10.4, 10.6)] == [0, 0, 1]
    assert outgoing.waiting(10.0, up=False) == 1

"""One view: order, days, marks, bounds."""

from dataclasses import replace
from datetime import UTC, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.entries import Mark, Note, Preview, Said
from cnmessage_client.chat.talk.view import NEW, View
from cnmessage_client.chat.talk.views import said_of
from tests.unit.client.chat.talk.talking import NOON, lines, own, received
from tests.unit.protocol.strategies import thorough


def said(seq: int, **fields: object) -> Said:
    return said_of(received(seq, **fields))  # type: ignore[arg-type]


def view_of(*seqs: int, bounds: Bounds = BOUNDS) -> View:
    view = View(UTC, bounds)
    for seq in seqs:
        view.add(said(seq))
    return view


def seqs(view: View) -> list[int]:
    return [each.seq or 0 for each in view.entries if isinstance(each, Said)]


def test_what_comes_stands_at_the_end_and_once() -> None:
    view = view_of(1, 2)
    assert view.add(said(2)) == []
    assert view.add(Note("x")) == [Note("x")]
    assert lines(view.entries) == ["bob: text 1", "bob: text 2", "* x"]
    assert (view.lowest, view.holds("id-2"), view.holds("id-3")) == (None, True, False)


def test_earlier_messages_go_above_everything_when_they_are_the_oldest() -> None:
    view = View(UTC)
    view.add(Note("carol came"))
    view.add(said(10))
    assert view.merge([said(8), said(9), said(10)]) == [said(8), said(9)]
    assert lines(view.entries) == ["bob: text 8", "bob: text 9", "* carol came", "bob: text 10"]


def test_earlier_messages_go_to_the_top_of_a_view_without_any() -> None:
    view = View(UTC)
    view.add(replace(said_of(own(1, "key")), seq=None, mark=Mark.QUEUED))
    view.merge([said(8), said(9)])
    assert seqs(view) == [8, 9, 0]


def test_a_message_below_those_that_were_loaded_is_merged_in_its_place() -> None:
    view = view_of(40)
    view.merge([said(52), said(53)])
    assert view.comes_late(said(51))
    assert not view.comes_late(said(54))
    view.merge([said(51)])
    assert seqs(view) == [40, 51, 52, 53]


def test_a_seq_that_a_mark_brings_does_not_move_what_comes_next() -> None:
    view = view_of(1)
    view.add(replace(said_of(own(0, "key")), seq=None, mark=Mark.QUEUED))
    view.replace(said_of(own(5, "key")))
    assert not view.comes_late(said(4))


def test_a_mark_changes_in_place_in_full_and_as_a_preview() -> None:
    queued = replace(said_of(own(0, "key")), seq=None, mark=Mark.QUEUED)
    full, other = view_of(1), view_of(2)
    full.add(queued)
    other.add(Preview(queued))
    full.add(Note("x"))
    stored = said_of(own(7, "key"))
    assert full.replace(stored) == stored
    assert full.entries[1:] == [stored, Note("x")]
    assert other.replace(stored) == Preview(stored)
    assert other.entries[-1] == Preview(stored)
    assert view_of(1).replace(stored) is None


def test_days_are_told_apart_by_a_rule_but_the_first_has_none() -> None:
    view = view_of(1)
    assert lines(view.add(said(2, time=NOON + timedelta(days=1)))) == ["--2026-03-03--", "bob: text 2"]
    view.merge([said(0, id="early", time=NOON - timedelta(days=1))])
    assert lines(view.entries) == [
        "bob: text 0",
        "--2026-03-02--",
        "bob: text 1",
        "--2026-03-03--",
        "bob: text 2",
    ]


def test_a_day_changes_at_midnight_of_the_zone() -> None:
    view = View(timezone(timedelta(hours=13)))
    view.add(said(1, time=NOON - timedelta(hours=2)))
    assert lines(view.add(said(2, time=NOON))) == ["--2026-03-03--", "bob: text 2"]


def test_the_new_rule_stands_above_the_first_of_them_and_only_there() -> None:
    view = view_of(1, 2, 3)
    view.rule_off({2, 3})
    assert view.entries.index(NEW) == 1
    view.add(said(4, time=NOON + timedelta(days=1)))
    view.rule_off({4})
    assert lines(view.entries)[-3:] == ["--2026-03-03--", "--new--", "bob: text 4"]
    view.merge([said(0, id="early")])
    assert lines(view.entries)[-3:] == ["--2026-03-03--", "--new--", "bob: text 4"]
    view.rule_off(())
    assert NEW not in view.entries


def test_a_cleared_view_loads_anew() -> None:
    view = view_of(1, 2)
    view.draft, view.begun = "hel", True
    view.clear()
    assert (view.entries, view.lowest, view.begun, view.draft) == ([], None, False, "hel")
    assert view.merge([said(1)]) == [said(1)]


def test_a_view_is_bounded_by_entries_and_by_text() -> None:
    view = view_of(*range(1, 10), bounds=Bounds(entries=5, text=100))
    assert seqs(view) == [5, 6, 7, 8, 9]
    assert view.full
    assert view.merge([said(3), said(4)]) == []
    assert not view.holds("id-4")
    view.add(said(10, body="x" * 90))
    assert seqs(view) == [9, 10]
    view.add(said(11, body="x" * 500))
    assert seqs(view) == [11]  # the last stays, whatever its length
    view.add(said(12))
    assert seqs(view) == [12]


@thorough(100, 2000)
@given(st.lists(st.tuples(st.sampled_from(["add", "merge"]), st.lists(st.integers(1, 40), max_size=8))))
def test_no_message_stands_twice_and_loaded_ones_stand_in_order(steps: list[tuple[str, list[int]]]) -> None:
    view = View(UTC)
    for way, numbers in steps:
        if way == "add":
            for number in numbers:
                if not view.comes_late(said(number)):
                    view.add(said(number))
        else:
            view.merge([said(number) for number in sorted(set(numbers))])
    assert seqs(view) == sorted(set(seqs(view)))
    assert all(view.holds(f"id-{seq}") for seq in seqs(view))

"""The inbox machine, one rule of its table at a time."""

import pytest

from cnmessage_protocol.machines.inbox import (
    HOLD,
    MOST_BARREN,
    PATIENCE,
    HandOver,
    Inbox,
    RequestItems,
    Stuck,
)
from cnmessage_protocol.records import InboxItem
from tests.unit.protocol.machines.test_inbox_machine import item


def items(*seqs: int) -> list[InboxItem]:
    return [item(seq, seq) for seq in seqs]


def test_the_next_item_is_shown_at_once() -> None:
    inbox = Inbox(4)
    assert inbox.pushed(0.0, items(5, 6)) == [HandOver(items(5, 6))]
    assert (inbox.cursor, inbox.behind, inbox.deadline) == (6, False, None)


@pytest.mark.parametrize("seqs", [(1,), (4,), (1, 2, 3, 4)])
def test_what_was_shown_is_dropped(seqs: tuple[int, ...]) -> None:
    assert Inbox(4).pushed(0.0, items(*seqs)) == []


def test_an_item_beyond_a_gap_waits_for_the_gap_to_close() -> None:
    inbox = Inbox()
    assert inbox.pushed(0.0, items(3, 2)) == []
    assert inbox.deadline == PATIENCE
    assert inbox.pushed(0.1, items(1)) == [HandOver(items(1, 2, 3))]
    assert inbox.deadline is None


def test_a_gap_is_asked_for_when_patience_ends_and_once_only() -> None:
    inbox = Inbox()
    inbox.pushed(1.0, items(3))
    assert inbox.tick(1.0 + PATIENCE - 0.001) == []
    assert inbox.tick(1.0 + PATIENCE) == [RequestItems(0)]
    assert inbox.tick(100.0) == []
    assert inbox.ask_now() == []
    assert inbox.page(1.5, items(1, 2), 3, more=False) == [HandOver(items(1, 2, 3))]


def test_a_head_beyond_the_cursor_finds_the_lost_last_push() -> None:
    inbox = Inbox(7)
    assert inbox.head_reported(0.0, 9) == []
    assert inbox.tick(PATIENCE) == [RequestItems(7)]


def test_at_most_hold_items_are_kept_beyond_a_gap() -> None:
    inbox = Inbox()
    inbox.pushed(0.0, items(*range(2, HOLD + 10)))
    assert inbox.pushed(0.0, items(1)) == [HandOver(items(*range(1, HOLD + 2)))]
    assert inbox.behind


def test_a_long_inbox_is_asked_for_page_by_page() -> None:
    inbox = Inbox()
    assert inbox.ask_now() == [RequestItems(0)]
    assert inbox.page(0.0, items(1, 2), 4, more=True) == [HandOver(items(1, 2)), RequestItems(2)]
    assert inbox.page(0.0, items(3, 4), 4, more=False) == [HandOver(items(3, 4))]


def test_a_page_that_brings_nothing_does_not_make_the_client_spin() -> None:
    inbox = Inbox()
    inbox.ask_now()
    assert inbox.page(0.0, [], 4, more=True) == []
    assert inbox.deadline == PATIENCE
    assert inbox.tick(PATIENCE) == [RequestItems(0)]


def test_while_paused_nothing_is_shown_or_asked_and_nothing_is_lost() -> None:
    inbox = Inbox()
    inbox.paused = True
    assert inbox.pushed(0.0, items(1, 2)) == []
    assert inbox.tick(10.0) == inbox.ask_now() == []
    assert inbox.deadline is None
    inbox.paused = False
    inbox.head_reported(10.0, 2)
    assert inbox.tick(10.0 + PATIENCE) == [RequestItems(0)]


def test_a_failed_ask_is_repeated_after_patience() -> None:
    inbox = Inbox()
    inbox.head_reported(0.0, 1)
    inbox.ask_now()
    inbox.ask_failed(5.0)
    assert inbox.deadline == 5.0 + PATIENCE
    assert inbox.tick(5.0 + PATIENCE) == [RequestItems(0)]


def test_after_a_broken_link_the_next_ask_may_go_out() -> None:
    inbox = Inbox()
    inbox.ask_now()
    inbox.interrupted()
    assert inbox.ask_now() == [RequestItems(0)]


def test_after_a_restore_only_what_is_new_is_shown() -> None:
    inbox = Inbox()
    inbox.pushed(0.0, items(1, 2, 3, 4))
    inbox.restored(1)
    # Item 2 is known, 3 was written anew after the older database had come back.
    assert inbox.pushed(1.0, [item(2, 2), item(3, 100)]) == [HandOver([item(3, 100)])]
    assert inbox.cursor == 3


def test_pages_that_do_not_hold_what_they_say_there_is_end_it() -> None:
    inbox = Inbox()
    for _ in range(MOST_BARREN - 1):
        inbox.ask_now()
        assert inbox.page(0.0, (), 9, more=True) == []
    inbox.ask_now()
    (stuck,) = inbox.page(0.0, (), 9, more=True)
    assert isinstance(stuck, Stuck)


def test_a_page_without_news_corrects_a_head_that_is_none() -> None:
    inbox = Inbox()
    inbox.head_reported(0.0, 1 << 50)
    inbox.ask_now()
    assert inbox.page(0.0, (), 0, more=False) == []
    assert not inbox.behind

"""The read mark and what waits, one rule at a time; test_talk_machine.py has the promise as a whole."""

from cnmessage_client.chat.talk.bounds import Bounds
from cnmessage_client.chat.talk.unread import Unread
from tests.support.conversations import ALL, BOB, CAROL


def test_the_mark_rises_with_what_is_shown_and_is_told_once() -> None:
    unread = Unread()
    assert unread.mark() is None
    unread.came(41)
    assert unread.mark() == 41
    assert unread.mark() is None
    unread.came(42)
    assert unread.mark() == 42


def test_the_mark_stops_below_the_lowest_that_waits() -> None:
    unread = Unread()
    for seq, conversation in ((1, None), (2, BOB), (3, None), (4, CAROL), (5, BOB)):
        unread.came(seq)
        if conversation is not None:
            unread.hide(conversation, seq)
    assert unread.mark() == 1
    assert unread.counts() == ((BOB, 2), (CAROL, 1))
    unread.show({2, 5})
    assert unread.mark() == 3
    assert unread.counts() == ((CAROL, 1),)
    unread.show({4})
    assert (unread.mark(), unread.counts()) == (5, ())


def test_a_conversation_that_is_shown_is_read_though_others_wait() -> None:
    unread = Unread()
    for seq, conversation in ((1, CAROL), (2, BOB), (3, ALL), (4, BOB)):
        unread.came(seq, [conversation])
        if conversation != BOB:
            unread.hide(conversation, seq)
    assert (unread.mark(), unread.marks_in()) == (None, [(BOB, 4)])
    assert unread.marks_in() == []
    unread.came(5, [BOB])
    unread.hide(BOB, 5)
    unread.came(6, [BOB])
    assert unread.marks_in() == [], "what waits of it holds its mark"
    unread.show({5})
    assert unread.marks_in() == [(BOB, 6)]
    unread.show({1, 3})
    assert (unread.mark(), unread.marks_in()) == (6, []), "the mark of all says it already"


def test_where_something_was_forgotten_no_conversation_counts_as_read() -> None:
    unread = Unread(Bounds(peers=1))
    for seq, conversation in ((1, CAROL), (2, ALL), (3, BOB)):
        unread.came(seq, [conversation])
        if conversation != BOB:
            unread.hide(conversation, seq)
    assert (unread.mark(), unread.marks_in()) == (None, [])


def test_after_a_restore_conversations_are_marked_anew() -> None:
    unread = Unread()
    unread.came(1, [CAROL])
    unread.hide(CAROL, 1)
    unread.came(9, [BOB])
    assert unread.marks_in() == [(BOB, 9)]
    unread.came(1, [CAROL])
    unread.hide(CAROL, 1)
    unread.came(2, [BOB])
    assert (unread.mark(), unread.marks_in()) == (None, [(BOB, 2)])


def test_what_is_forgotten_counts_until_its_conversation_is_entered_and_holds_the_mark() -> None:
    unread = Unread(Bounds(seqs=2))
    for seq in range(5, 9):
        unread.came(seq)
        unread.hide(BOB, seq)
    assert (unread.counts(), unread.seqs()) == (((BOB, 4),), {7, 8})
    unread.show({7, 8})
    assert unread.counts() == ((BOB, 2),)
    unread.entered(BOB)
    assert (unread.counts(), unread.mark()) == ((), 4)
    unread.marked(5)
    assert unread.mark() is None  # 6 was forgotten too
    unread.marked(8)
    assert unread.mark() == 8


def test_conversations_are_bounded_too() -> None:
    unread = Unread(Bounds(peers=2))
    for seq, conversation in enumerate((BOB, CAROL, ALL), 1):
        unread.came(seq)
        unread.hide(conversation, seq)
    assert unread.counts() == ((CAROL, 1), (ALL, 1))
    unread.show({2, 3})
    assert unread.mark() is None


def test_what_was_read_by_other_means_waits_no_more_but_later_ones_do() -> None:
    unread = Unread()
    for seq in (1, 2, 3):
        unread.came(seq)
        unread.hide(BOB, seq)
    unread.marked(2)
    assert (unread.counts(), unread.mark()) == (((BOB, 1),), 2)


def test_after_a_restore_seqs_begin_anew() -> None:
    unread = Unread()
    for seq in (7, 8, 9):
        unread.came(seq)
    unread.hide(BOB, 9)
    assert unread.mark() == 8
    assert unread.came(4)
    assert (unread.counts(), unread.mark()) == ((), 4)
    assert not unread.came(5)

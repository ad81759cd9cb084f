"""The read mark and what waits, one rule at a time; test_talk_machine.py has the promise as a whole."""

from cnmessage_client.chat.talk.bounds import Bounds
from cnmessage_client.chat.talk.unread import Unread


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
    for seq, peer in ((1, None), (2, "bob"), (3, None), (4, "carol"), (5, "bob")):
        unread.came(seq)
        if peer is not None:
            unread.hide(peer, seq)
    assert unread.mark() == 1
    assert unread.counts() == (("bob", 2), ("carol", 1))
    unread.show({2, 5})
    assert unread.mark() == 3
    assert unread.counts() == (("carol", 1),)
    unread.show({4})
    assert (unread.mark(), unread.counts()) == (5, ())


def test_what_is_forgotten_counts_until_its_conversation_is_entered_and_holds_the_mark() -> None:
    unread = Unread(Bounds(seqs=2))
    for seq in range(5, 9):
        unread.came(seq)
        unread.hide("bob", seq)
    assert (unread.counts(), unread.seqs()) == ((("bob", 4),), {7, 8})
    unread.show({7, 8})
    assert unread.counts() == (("bob", 2),)
    unread.entered("bob")
    assert (unread.counts(), unread.mark()) == ((), 4)
    unread.told(5)
    assert unread.mark() is None  # 6 was forgotten too
    unread.told(8)
    assert unread.mark() == 8


def test_conversations_are_bounded_too() -> None:
    unread = Unread(Bounds(peers=2))
    for seq, peer in enumerate(("bob", "carol", "dave"), 1):
        unread.came(seq)
        unread.hide(peer, seq)
    assert unread.counts() == (("carol", 1), ("dave", 1))
    unread.show({2, 3})
    assert unread.mark() is None


def test_what_was_read_by_other_means_waits_no_more_but_later_ones_do() -> None:
    unread = Unread()
    for seq in (1, 2, 3):
        unread.came(seq)
        unread.hide("bob", seq)
    unread.told(2)
    assert (unread.counts(), unread.mark()) == ((("bob", 1),), 2)


def test_after_a_restore_seqs_begin_anew() -> None:
    unread = Unread()
    for seq in (7, 8, 9):
        unread.came(seq)
    unread.hide("bob", 9)
    assert unread.mark() == 8
    assert unread.came(4)
    assert (unread.counts(), unread.mark()) == ((), 4)
    assert not unread.came(5)

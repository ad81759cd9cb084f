"""The talk: messages of before, loaded on entry and when wanted, in their place."""

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.effects import LoadEarlier, MarkRead, Received, Redraw, Show
from cnmessage_client.chat.talk.views import PATIENCE, said_of
from cnmessage_protocol.machines.states import State
from tests.support.conversations import BOB, talk_with
from tests.unit.client.chat.talk.talking import (
    at_bob,
    lines,
    new_talk,
    own,
    received,
    shown,
    some,
    type_in,
    unread,
)


def test_the_last_lines_are_loaded_on_the_first_entry_only() -> None:
    talk = new_talk()
    talk.came(received(9), 0.0)
    assert some(type_in(talk, "to bob"), LoadEarlier) == [LoadEarlier(BOB, None, BOUNDS.page)]
    effects = talk.earlier(BOB, [received(2), own(5, "far", "bob")], 0.0)
    assert effects == [Redraw()]
    assert lines(talk.entries) == ["bob: text 2", "alice: text 5 ✓", "bob: text 9"]
    assert some(type_in(talk, "/home", "@bob"), LoadEarlier) == []


def test_an_answer_may_overlap_with_what_is_here() -> None:
    talk = new_talk()
    type_in(talk, "to bob")
    talk.came(received(2), 0.0)
    talk.came(received(3), 0.0)
    talk.earlier(BOB, [received(1), received(2), received(3), received(4)], 0.0)
    came = received(4)
    assert talk.came(came, 9.0) == [Received(came, shown=True, at_home=False), MarkRead(4)]
    assert lines(talk.entries) == [f"bob: text {seq}" for seq in (1, 2, 3, 4)]


def test_an_answer_for_a_view_that_is_not_open_changes_nothing_on_the_screen() -> None:
    talk = new_talk()
    type_in(talk, "to bob", "/home")
    assert talk.earlier(BOB, [received(1)], 0.0) == []
    assert talk.earlier(talk_with("nobody"), [received(1)], 0.0) == []
    type_in(talk, "@bob")
    assert lines(talk.entries) == ["bob: text 1"]


def test_what_comes_below_loaded_messages_is_put_in_its_place() -> None:
    talk = at_bob(received(5), received(6))
    effects = talk.came(received(4), 0.0)
    assert effects[:2] == [Show(said_of(received(4))), Redraw()]
    assert lines(talk.entries) == ["bob: text 4", "bob: text 5", "bob: text 6"]


def test_more_goes_on_above_and_ends_at_the_beginning() -> None:
    talk = at_bob(*(received(seq) for seq in range(100, 100 + BOUNDS.page)))
    assert talk.more(1.0) == [LoadEarlier(BOB, 100, BOUNDS.page)]
    assert talk.more(2.0) == []  # it is on its way
    assert talk.more(1.0 + PATIENCE) == [LoadEarlier(BOB, 100, BOUNDS.page)]  # it is not
    assert talk.earlier(BOB, [received(9)], 20.0) == [Redraw()]
    assert lines(shown(type_in(talk, "/more"))) == ["* this is the beginning; nothing is older"]


def test_who_asked_for_more_is_told_that_there_is_none_but_nobody_else() -> None:
    talk = new_talk()
    type_in(talk, "to bob")
    assert talk.earlier(BOB, [], 0.0) == []
    type_in(talk, "/home")
    talk.more(0.0)
    assert lines(shown(talk.earlier(None, [], 0.0))) == ["* this is the beginning; nothing is older"]


def test_home_loads_more_too() -> None:
    talk = new_talk()
    talk.came(received(7), 0.0)
    assert type_in(talk, "more") == [LoadEarlier(None, None, BOUNDS.page)]
    talk.earlier(None, [received(3, "carol"), own(5, "far", "bob")], 0.0)
    assert lines(talk.entries) == ["carol: text 3", "alice: text 5 ✓", "bob: text 7"]


def test_own_messages_behind_one_that_waited_are_loaded_with_it() -> None:
    talk = new_talk()
    talk.came(received(7), 0.0)  # what waited at the start; the stream begins far above
    assert some(type_in(talk, "to bob"), LoadEarlier) == [LoadEarlier(BOB, None, BOUNDS.page)]
    latest = [own(seq, f"far-{seq}", "bob") for seq in range(100, 100 + BOUNDS.page)]
    talk.earlier(BOB, latest, 0.0)
    assert talk.more(30.0) == [LoadEarlier(BOB, 100, BOUNDS.page)]


def test_a_page_that_is_here_already_is_not_the_beginning() -> None:
    talk = new_talk()
    page = [received(seq) for seq in range(100, 100 + BOUNDS.page)]
    for each in page:
        talk.came(each, 0.0)
    talk.more(0.0)
    assert talk.earlier(None, page, 0.0) == [LoadEarlier(None, 100, BOUNDS.page)]
    assert lines(shown(talk.earlier(None, [], 0.0))) == ["* this is the beginning; nothing is older"]


def test_the_beginning_is_said_once_and_at_the_top() -> None:
    talk = at_bob(received(1), received(2))
    for _ in range(3):
        assert lines(shown(talk.more(0.0))) == ["* this is the beginning; nothing is older"]
    assert lines(talk.entries) == ["* this is the beginning; nothing is older", "bob: text 1", "bob: text 2"]


def test_an_answer_that_came_too_late_for_a_cleared_view_leaves_no_hole() -> None:
    talk = at_bob(*(received(seq) for seq in range(100, 100 + BOUNDS.page)))
    talk.more(1.0)
    type_in(talk, "/clear")
    talk.earlier(BOB, [received(50)], 2.0)
    assert talk.more(3.0) == [LoadEarlier(BOB, None, BOUNDS.page)]


def test_a_full_view_says_how_to_see_older_ones() -> None:
    talk = at_bob(*(received(seq) for seq in range(100, 100 + BOUNDS.page)), bounds=Bounds(entries=3))
    (note,) = lines(shown(talk.more(0.0)))
    assert note.endswith("for older ones: /history 100 --with bob --until TIME")


def test_what_comes_too_late_for_a_full_view_is_told_and_unread() -> None:
    talk = new_talk(bounds=Bounds(entries=3))
    talk.more(0.0)
    talk.earlier(None, [received(seq) for seq in (5, 6, 7)], 0.0)
    effects = talk.came(received(1), 9.0)
    assert lines(shown(effects)) == ["(bob: text 1)"]
    assert not some(effects, MarkRead)
    assert unread(talk) == {"bob": 1}


def test_without_a_connection_more_says_so_and_entry_loads_when_it_is_back() -> None:
    talk = new_talk()
    talk.moved(State.WAITING, 1.0, 0.0)
    assert some(type_in(talk, "to bob"), LoadEarlier) == []
    assert lines(shown(talk.more(0.0))) == [
        "* there is no connection; earlier messages can be loaded when it is back"
    ]
    talk.moved(State.ATTACHING, 0.0, 1.0)
    assert some(talk.moved(State.LIVE, 0.0, 1.0), LoadEarlier) == [LoadEarlier(BOB, None, BOUNDS.page)]


def test_a_question_that_the_connection_took_along_is_asked_again() -> None:
    talk = new_talk()
    type_in(talk, "to bob")
    talk.moved(State.WAITING, 0.1, 0.0)
    assert some(talk.moved(State.LIVE, 0.0, 0.5), LoadEarlier) == [LoadEarlier(BOB, None, BOUNDS.page)]


def test_clear_empties_the_view_and_more_brings_it_back() -> None:
    talk = at_bob(received(1), received(2))
    talk.earlier(BOB, [], 0.0)
    assert type_in(talk, "/clear") == [Redraw()]
    assert talk.entries == []
    assert type_in(talk, "/more") == [LoadEarlier(BOB, None, BOUNDS.page)]

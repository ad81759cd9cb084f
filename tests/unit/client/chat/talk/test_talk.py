"""The talk: commands, connection, presence, users, bounds."""

from typing import Any

import pytest

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.effects import (
    Break,
    DropCommands,
    Edit,
    LoadEarlier,
    MarkRead,
    Quit,
    RunCommand,
    Show,
)
from cnmessage_client.chat.talk.entries import Output, Trouble, Typed
from cnmessage_client.chat.talk.lines import OWN_ALIASES, OWN_COMMANDS
from cnmessage_client.chat.talk.status import Status
from cnmessage_client.chat.talk.talk import Talk
from cnmessage_protocol.deliveries import FileState
from cnmessage_protocol.machines.states import State
from tests.support.conversations import BOB, CAROL, talk_with
from tests.unit.client.chat.talk.talking import (
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
)

# -- commands ---------------------------------------------------------------------------------------


def test_a_command_is_echoed_and_run() -> None:
    talk = new_talk()
    assert type_in(talk, "history 5") == [
        Show(Typed("alice> ", "history 5")),
        RunCommand(("history", "5")),
    ]
    type_in(talk, "to bob")
    assert type_in(talk, "/help send") == [
        Show(Typed("alice → bob> ", "/help send")),
        RunCommand(("help", "send")),
    ]


def test_an_unknown_command_is_told_and_never_sent() -> None:
    talk = new_talk()
    type_in(talk, "to bob")
    effects = type_in(talk, "/hsitory")
    assert shown(effects) == [
        Typed("alice → bob> ", "/hsitory"),
        Trouble("there is no command '/hsitory'; did you mean '/history'? //… sends it as a text"),
    ]
    assert sent(effects) == []


def test_commands_run_without_a_user_too() -> None:
    assert some(type_in(new_talk(None), "login alice"), RunCommand) == [RunCommand(("login", "alice"))]


def test_the_drivers_own_things_are_handed_on() -> None:
    talk = new_talk()
    assert type_in(talk, "break 10") == [Break(10.0)]
    assert type_in(talk, "edit draft text") == [Edit("draft text")]
    assert type_in(talk, "quit") == [Quit()]
    assert type_in(talk, "") == []


def test_without_a_connection_there_is_nothing_to_break() -> None:
    talk = new_talk()
    talk.moved(State.WAITING, 5.0, 0.0)
    assert lines(shown(type_in(talk, "break"))) == ["* there is no connection to cut"]


def test_what_commands_print_goes_to_the_view_that_is_open() -> None:
    talk = new_talk()
    assert talk.output("a table") == [Show(Output("a table"))]
    assert talk.trouble("oh") == [Show(Trouble("oh"))]
    type_in(talk, "to bob")
    talk.note("hint")
    assert lines(talk.entries) == ["* hint"]


def test_the_line_can_be_completed_with_names_and_own_commands() -> None:
    talk = new_talk()
    talk.roster([("alice", True), ("carol", False)], 0.0)
    talk.came(received(1, "bob"), 0.0)
    assert talk.completions.names == ("bob", "carol")
    assert set(talk.completions.words) == {*OWN_COMMANDS, *OWN_ALIASES}


# -- the connection ---------------------------------------------------------------------------------


def lost(now: float = 0.0, **options: Any) -> Talk:
    talk = new_talk(**options)
    talk.moved(State.WAITING, 3.0, now)
    return talk


def test_a_lost_connection_is_told_once() -> None:
    talk = new_talk()
    assert lines(shown(talk.moved(State.WAITING, 1.0, 0.0))) == [
        "* connection lost; what you write is queued until it is back"
    ]
    assert talk.moved(State.ATTACHING, 0.0, 1.0) == []
    assert talk.moved(State.WAITING, 2.0, 2.0) == []


def test_back_says_how_long_and_how_many_and_then_shows_them_in_order() -> None:
    talk = lost()
    for state in (State.ATTACHING, State.JOINING, State.CATCHING_UP):
        talk.moved(state, 0.0, 190.0)
    for message in (received(1), own(2, "far"), received(3, "carol")):
        assert talk.came(message, 191.0) == []
    effects = talk.moved(State.LIVE, 0.0, 192.0)
    assert lines(shown(effects)) == [
        "* back after 3m12s, 2 missed",
        "bob: text 1",
        "alice: text 2 ✓",
        "carol: text 3",
    ]
    assert some(effects, MarkRead)[-1] == MarkRead(3)
    assert lines(shown(talk.came(received(4), 193.0))) == ["bob: text 4"]


def test_back_counts_what_the_driver_knows_will_come_yet() -> None:
    talk = lost()
    talk.moved(State.CATCHING_UP, 0.0, 5.0)
    talk.came(received(1), 5.0)
    (note, *_) = lines(shown(talk.moved(State.LIVE, 0.0, 5.0, 6)))
    assert note == "* back after 5s, 7 missed"


def test_back_with_nothing_missed() -> None:
    assert lines(shown(lost().moved(State.LIVE, 0.0, 61.0))) == ["* back after 1m01s, nothing missed"]


def test_what_came_before_another_loss_is_shown_and_counted() -> None:
    talk = lost()
    talk.moved(State.CATCHING_UP, 0.0, 5.0)
    talk.came(received(1), 5.0)
    assert lines(shown(talk.moved(State.WAITING, 1.0, 6.0))) == ["bob: text 1"]
    talk.moved(State.CATCHING_UP, 0.0, 8.0)
    talk.came(received(2), 8.0)
    assert lines(shown(talk.moved(State.LIVE, 0.0, 9.0))) == ["* back after 9s, 2 missed", "bob: text 2"]


def test_a_late_message_from_before_the_loss_is_shown_at_once_and_was_not_missed() -> None:
    talk = lost()
    assert lines(shown(talk.came(received(1), 0.0))) == ["bob: text 1"]
    assert lines(shown(talk.moved(State.LIVE, 0.0, 9.0))) == ["* back after 9s, nothing missed"]


def test_every_loss_counts_anew() -> None:
    talk = lost()
    for round_, seq in ((0.0, 1), (20.0, 2)):
        talk.moved(State.WAITING, 1.0, round_)
        talk.moved(State.CATCHING_UP, 0.0, round_ + 4)
        talk.came(received(seq), round_ + 4)
        (note, *_) = lines(shown(talk.moved(State.LIVE, 0.0, round_ + 5)))
        assert note == "* back after 5s, 1 missed"


def test_no_more_than_some_wait_for_the_line() -> None:
    talk = lost(bounds=Bounds(held=3))
    talk.moved(State.CATCHING_UP, 0.0, 5.0)
    told = [len(shown(talk.came(received(seq), 5.0))) for seq in range(1, 7)]
    assert told == [0, 0, 0, 4, 0, 0]
    (note, *_) = lines(shown(talk.moved(State.LIVE, 0.0, 5.0)))
    assert note == "* back after 5s, 6 missed"


def test_the_first_connection_is_not_told_and_holds_nothing_back() -> None:
    talk = new_talk(live=False)
    for state in (State.ATTACHING, State.JOINING, State.CATCHING_UP):
        assert talk.moved(state, 0.0, 0.0) == []
    assert lines(shown(talk.came(received(1), 0.0))) == ["bob: text 1"]
    assert talk.moved(State.LIVE, 0.0, 0.0) == []


def test_lines_typed_while_away_are_queued_and_go_out_later() -> None:
    talk = lost()
    assert sent(type_in(talk, "send bob hi")) == [(("bob",), "hi")]
    assert talk.status(0.0).queued == 1
    talk.moved(State.LIVE, 0.0, 9.0)
    assert lines(shown(talk.stored("key-1", receipt("key-1", 4), 9.0))) == ["alice: hi ✓"]
    assert talk.status(9.0).queued == 0


# -- status -----------------------------------------------------------------------------------------


def test_the_status_line_tells_all() -> None:
    talk = new_talk()
    talk.roster([("alice", True), ("bob", True), ("carol", False)], 0.0)
    type_in(talk, "to bob")
    talk.came(received(1, "dave"), 0.0)
    talk.came(received(2, "carol"), 0.0)
    talk.came(received(3, "dave"), 0.0)
    assert talk.status(0.0) == Status(
        "online", "alice", 0, ((talk_with("dave"), 2), (CAROL, 1)), 2, (BOB, True)
    )
    type_in(talk, "hi")
    talk.moved(State.WAITING, 4.0, 1.0)
    assert talk.status(1.5) == Status(
        "reconnecting in 4 s (try 1)", "alice", 1, ((talk_with("dave"), 2), (CAROL, 1)), None
    )
    assert talk.deadline() == 2.0
    talk.tick(2.0)
    assert (talk.status(2.0).connection, talk.deadline()) == ("reconnecting in 3 s (try 1)", 3.0)


def test_the_status_of_nobody() -> None:
    talk = new_talk(None, live=False)
    assert talk.status(0.0) == Status("not logged in", None, 0, (), None)


# -- presence and files -----------------------------------------------------------------------------


def test_who_comes_and_goes_is_told_in_the_status_line_of_a_talk_with_them_only() -> None:
    talk = new_talk()
    talk.roster([("bob", False), ("dave", True)], 0.0)
    assert talk.status(0.0).partner is None
    type_in(talk, "to bob")
    assert talk.status(0.0).partner == (BOB, False)
    assert talk.presence([("bob", True), ("dave", False)], 10.0) == []
    assert talk.status(10.0).partner == (BOB, True)
    assert talk.deadline() is None
    assert talk.tick(1000.0) == []
    assert not [each for each in lines(talk.entries) if "bob" in each]
    talk.moved(State.WAITING, 1.0, 1001.0)
    assert talk.status(1001.0).partner is None


def test_who_is_online_is_told_when_asked() -> None:
    talk = new_talk()
    unknown = "* who is online is not known yet: there is no connection"
    assert lines(shown(type_in(talk, "who"))) == [unknown]
    talk.roster([("alice", True), ("bob", True), ("carol", False)], 0.0)
    assert lines(shown(type_in(talk, "who"))) == ["* online: alice, bob"]
    type_in(talk, "to bob")
    assert lines(shown(type_in(talk, "/who"))) == ["* online: alice, bob"]
    talk.moved(State.WAITING, 1.0, 1.0)
    assert lines(shown(type_in(talk, "/who"))) == [unknown]
    assert lines(shown(type_in(new_talk(None), "who")))[0].startswith("! nobody is logged in here")


@pytest.mark.parametrize(
    ("state", "told"),
    [("done", ["* bob has fetched a.txt"]), ("failed", ["* bob gave up fetching a.txt"]), ("fetching", [])],
)
def test_news_of_own_files(state: str, told: list[str]) -> None:
    assert lines(shown(new_talk().file_moved(FileState(b"x" * 16, "a.txt", "bob", state)))) == told


# -- users ------------------------------------------------------------------------------------------


def test_the_first_login_keeps_what_stands_at_home() -> None:
    talk = new_talk(None)
    talk.note("welcome")
    assert talk.logged_in("alice", 0.0) == []
    assert (talk.user, lines(talk.entries)) == ("alice", ["* welcome"])


NOBODY = "! nobody is logged in here; use: /login NAME, or for a new account: /signup NAME"


def test_whose_login_ends_elsewhere_stays_where_text_is_text() -> None:
    talk = new_talk()
    type_in(talk, "to bob")
    talk.came(received(1, "carol"), 0.0)
    effects = talk.logged_out(0.0, by_itself=True)
    assert (effects, talk.conversation, talk.prompt) == ([DropCommands()], BOB, "not logged in → bob> ")
    talk.logged_out_amid("ex", 0)
    assert lines(shown(type_in(talk, "exit"))) == [NOBODY]


def test_nothing_is_marked_or_asked_for_once_nobody_is_logged_in() -> None:
    talk = new_talk()
    type_in(talk, "to bob")
    talk.came(received(1, "carol"), 0.0)
    talk.moved(State.WAITING, 1.0, 0.0)
    talk.moved(State.CATCHING_UP, 0.0, 1.0)
    talk.came(received(2, "dave"), 1.0)  # waits for the connection
    effects = talk.logged_out(2.0)
    effects += talk.moved(State.CLOSED, 0.0, 2.0)
    assert not some(effects, MarkRead) + some(effects, LoadEarlier)
    assert "dave: text 2" not in lines(talk.entries)
    assert not [each for each in talk.tick(1e6) if not isinstance(each, Show)]


def test_the_same_user_finds_everything_again_and_another_one_nothing() -> None:
    talk = new_talk()
    type_in(talk, "to bob", "secret")
    talk.came(received(1, "carol"), 0.0)
    talk.logged_out(0.0)
    assert (talk.conversation, talk.user, talk.prompt) == (None, None, "not logged in> ")
    talk.logged_in("alice", 0.0)
    assert "alice: secret …" in lines(talk.entries)
    talk.logged_out(0.0)
    talk.logged_in("bob", 0.0)
    assert (lines(talk.entries), busy(talk), talk.status(0.0).unread) == ([], False, ())
    assert some(type_in(talk, "to carol"), LoadEarlier)
    assert lines(talk.entries) == []
    assert talk.came(received(1, "carol"), 0.0)[-1] == MarkRead(1)


# -- bounds -----------------------------------------------------------------------------------------


def test_ten_thousand_lines_leave_the_talk_bounded() -> None:
    talk = new_talk()
    for seq in range(1, 10_001):
        talk.came(received(seq, f"user{seq % 200}"), seq / 1000)
    assert len(talk.entries) == BOUNDS.entries
    assert len(talk._views._views) == 50
    assert talk.status(0.0).unread == ()

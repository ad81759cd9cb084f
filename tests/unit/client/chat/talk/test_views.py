"""The talk: home and conversations, what is unread, previews, drafts."""

import pytest

from cnmessage_client.chat.talk.bounds import BOUNDS, Bounds
from cnmessage_client.chat.talk.effects import (
    DropLines,
    LoadEarlier,
    LookUp,
    MarkRead,
    Received,
    Redraw,
    SetDraft,
    Show,
)
from cnmessage_client.chat.talk.entries import Preview
from cnmessage_client.chat.talk.view import FOLD_WITHIN
from cnmessage_client.chat.talk.views import conversations_of, said_of
from cnmessage_client.model import Message
from cnmessage_protocol.machines.states import State
from tests.support.conversations import ALL, BOB, CAROL, talk_with, whom
from tests.unit.client.chat.talk.talking import (
    at_bob,
    broadcast,
    lines,
    new_talk,
    own,
    received,
    sent,
    shown,
    some,
    type_in,
    unread,
)

NOT_KNOWN = "* it is not known yet whether there is a user 'zed'; if not, what you write will fail"

# -- where messages stand ---------------------------------------------------------------------------


def test_the_prompt_names_whom_plain_text_goes_to() -> None:
    talk = new_talk(None)
    prompts = [talk.prompt]
    talk.logged_in("alice", 0.0)
    prompts.append(talk.prompt)
    for line in ("to bob", "@all", "/home"):
        type_in(talk, line)
        prompts.append(talk.prompt)
    assert prompts == ["not logged in> ", "alice> ", "alice → bob> ", "alice → all> ", "alice> "]


def test_home_shows_everything_and_counts_it_as_read() -> None:
    talk = new_talk()
    assert talk.came(received(1), 0.0)[-1] == MarkRead(1)
    came = broadcast(2, "carol")
    assert talk.came(came, 1.0) == [
        Show(said_of(came)),
        Received(came, shown=True, at_home=True),
        MarkRead(2),
    ]
    assert lines(talk.entries) == ["bob: text 1", "carol: text 2"]
    assert unread(talk) == {}


@pytest.mark.parametrize(
    ("message", "peers"),
    [
        (received(1), ("bob",)),
        (received(1, to=("alice", "carol")), ("bob",)),
        (own(1, "key", "bob"), ("bob",)),
        (own(1, "key", "bob", "carol"), ("bob", "carol")),
        (received(1, "alice", client_id="key", to=("alice",)), ("alice",)),
        (broadcast(1), ("all",)),
        (own(1, "key", "all", kind="broadcast"), ("all",)),
    ],
)
def test_which_conversations_a_message_belongs_to(message: Message, peers: tuple[str, ...]) -> None:
    assert conversations_of(said_of(message)) == whom(*peers)


def test_a_message_of_another_conversation_is_a_preview_and_unread() -> None:
    talk = at_bob()
    assert lines(shown(talk.came(received(1, "carol"), 0.0))) == ["(carol: text 1)"]
    assert lines(shown(talk.came(broadcast(2, "bob"), 0.0))) == ["(bob: text 2)"]
    assert lines(shown(talk.came(received(3, "bob"), 0.0))) == ["bob: text 3"]
    talk.came(received(4, "carol"), 0.0)
    assert unread(talk) == {"carol": 2, "all": 1}


def test_a_preview_that_is_shown_whole_waits_no_more() -> None:
    talk = new_talk(whole_previews=True)
    type_in(talk, "to bob")
    effects = talk.came(received(7, "carol"), 0.0)
    assert lines(shown(effects)) == ["(carol: text 7)"]
    assert some(effects, MarkRead) == [MarkRead(7)]
    assert unread(talk) == {}


def test_entering_shows_the_new_rule_and_clears_the_count_and_raises_the_mark() -> None:
    talk = new_talk()
    talk.came(received(1, "carol"), 0.0)
    type_in(talk, "to bob")
    assert not some(talk.came(received(2, "carol"), 0.0), MarkRead)
    assert some(talk.came(received(3, "bob"), 0.0), MarkRead) == [MarkRead(3, BOB)]
    effects = type_in(talk, "@carol")
    assert lines(talk.entries) == ["carol: text 1", "--new--", "carol: text 2"]
    assert effects == [SetDraft(""), Redraw(), MarkRead(3), LoadEarlier(CAROL, None, BOUNDS.page)]
    assert unread(talk) == {}
    type_in(talk, "/home", "to carol")
    assert "--new--" not in lines(talk.entries)


def test_going_home_shows_all_that_waited_under_one_rule() -> None:
    talk = at_bob()
    for seq, sender in ((1, "bob"), (2, "carol"), (3, "dave")):
        talk.came(received(seq, sender), 0.0)
    assert some(type_in(talk, "/home"), MarkRead) == [MarkRead(3)]
    assert lines(talk.entries) == ["bob: text 1", "--new--", "carol: text 2", "dave: text 3"]
    assert unread(talk) == {}


def test_entering_the_open_conversation_does_nothing() -> None:
    assert type_in(at_bob(), "@bob") == []
    assert type_in(new_talk(), "home") == []


def test_a_name_that_nobody_has_is_looked_up_and_not_entered() -> None:
    talk = new_talk()
    talk.roster([("alice", True), ("bob", False)], 0.0)
    type_in(talk, "to bob")
    wanted = talk_with("bbo")
    assert type_in(talk, "/to bbo") == [LookUp(wanted)]
    effects = talk.looked_up(wanted, [("alice", True), ("bob", False)], 0.0)
    assert lines(shown(effects)) == ["! there is no user 'bbo'; did you mean 'bob'?"]
    assert (effects[-1], talk.conversation) == (DropLines(), BOB)
    talk.looked_up(talk_with("zed"), [("alice", True), ("bob", False), ("zed", False)], 0.0)
    assert talk.conversation == talk_with("zed")
    assert shown(type_in(talk, "@bob")) == shown(type_in(talk, "@all")) == []
    talk.presence([("yves", True)], 0.0)
    type_in(talk, "@yves")
    assert talk.conversation == talk_with("yves")


@pytest.mark.parametrize("here", ["home", "to bob"])
def test_a_name_that_cannot_be_looked_up_may_be_somebodys_and_is_talked_to(here: str) -> None:
    talk = new_talk()
    talk.roster([("alice", True), ("bob", False)], 0.0)
    type_in(talk, here)
    effects = talk.looked_up(talk_with("zed"), None, 0.0)
    assert DropLines() not in effects
    assert talk.conversation == talk_with("zed")
    assert lines(talk.entries) == [NOT_KNOWN]
    assert sent(type_in(talk, "for zed")) == [(("zed",), "for zed")]
    before_the_list = new_talk()
    before_the_list.looked_up(BOB, None, 0.0)
    assert (before_the_list.conversation, lines(before_the_list.entries)) == (BOB, [])


def test_without_a_connection_a_name_that_is_new_is_entered_and_one_that_is_known_without_a_word() -> None:
    talk = new_talk()
    talk.roster([("alice", True), ("bob", False)], 0.0)
    talk.moved(State.WAITING, 1.0, 0.0)
    assert LookUp(talk_with("zed")) not in type_in(talk, "to zed")
    assert (talk.conversation, lines(talk.entries)) == (talk_with("zed"), [NOT_KNOWN])
    type_in(talk, "/to bob")
    assert (talk.conversation, NOT_KNOWN in lines(talk.entries)) == (BOB, False)


@pytest.mark.parametrize(
    "line",
    [
        "/to bbo",
        "/to da ve",
        "/to Da:ve",
        "@da:ve",
        "@da:ve hi",
        "/too dave",
        "/ to dave",
        '/history "',
        "to dave",
        "TO dave",
        "passwd",
    ],
)
def test_where_nobody_can_be_asked_what_follows_a_line_that_may_turn_elsewhere_is_dropped(line: str) -> None:
    talk = new_talk(can_ask=False)
    talk.roster([("alice", True), ("bob", False), ("dave", False)], 0.0)
    type_in(talk, "to bob")
    effects = type_in(talk, line)
    if effects == [LookUp(talk_with("bbo"))]:
        effects = talk.looked_up(talk_with("bbo"), [("alice", True), ("bob", False), ("dave", False)], 0.0)
    assert some(effects, DropLines) == [DropLines()]
    assert not sent(effects)
    (trouble,) = [each for each in lines(shown(effects)) if each.startswith("!")]
    assert any(
        word in trouble for word in ("write", "did you mean", "//", "@@", "several", "cannot be a user")
    )


@pytest.mark.parametrize("line", ["to da ve", "to Da:ve", "@da:ve", "to bbo"])
def test_where_nobody_can_be_asked_a_conversation_that_cannot_be_opened_ends_it_at_home_too(
    line: str,
) -> None:
    talk = new_talk(can_ask=False)
    talk.roster([("alice", True), ("bob", False)], 0.0)
    effects = type_in(talk, line)
    if effects == [LookUp(talk_with("bbo"))]:
        effects = talk.looked_up(talk_with("bbo"), [("alice", True), ("bob", False)], 0.0)
    assert some(effects, DropLines) == [DropLines()]
    assert some(type_in(new_talk(can_ask=False), "frobnicate"), DropLines) == [], "turns to nobody"


def test_the_line_that_sends_what_is_like_a_command_as_text_does_so() -> None:
    talk = new_talk(can_ask=False)
    type_in(talk, "to bob")
    (trouble,) = lines(shown(type_in(talk, "to dave")))
    command, text = trouble.split("'")[3], trouble.split("'")[5]
    assert (command, text) == ("/to dave", "@bob to dave")
    assert sent(type_in(talk, text)) == [(("bob",), "to dave")]
    assert sent(type_in(talk, "to whom it may concern")) == [(("bob",), "to whom it may concern")]


# -- many of one conversation -----------------------------------------------------------------------


def test_lines_of_another_conversation_fold_into_one() -> None:
    talk = at_bob(received(1))
    for seq in range(2, 102):
        talk.came(received(seq, "robot"), 0.0)
    talk.came(received(102, "carol"), 0.0)
    previews = [each for each in talk.entries if isinstance(each, Preview)]
    assert [(each.said.sender, each.said.seq, each.count) for each in previews] == [
        ("robot", 101, 100),
        ("carol", 102, 1),
    ]
    assert unread(talk) == {"robot": 100, "carol": 1}


def test_however_many_others_write_by_turns_each_conversation_has_one_line() -> None:
    talk = at_bob(received(1))
    many = 3 * FOLD_WITHIN
    for seq in range(2, 2 + 10 * many):
        talk.came(received(seq, f"robot{seq % many}"), 0.0)
    counts = [each.count for each in talk.entries if isinstance(each, Preview)]
    assert counts == [10] * many
    assert set(unread(talk).values()) == {10}


def test_a_hundred_scripts_that_come_and_go_make_no_line_anywhere() -> None:
    for talk in (new_talk(), at_bob(received(1))):
        before = lines(talk.entries)
        names = [f"script{number}" for number in range(100)]
        effects = [
            effect
            for name in names
            for online in (True, False)
            for effect in talk.presence([(name, online)], 0.0)
        ]
        effects += talk.presence([(name, True) for name in names], 1.0)
        effects += talk.roster([(name, False) for name in names], 2.0)
        assert (effects, lines(talk.entries)) == ([], before)


def test_a_fold_is_brought_up_to_date_where_it_is_seen_and_ends_when_its_view_was_open() -> None:
    talk = at_bob(received(1))
    talk.came(received(2, "robot"), 0.0)
    for seq in range(3, 3 + FOLD_WITHIN):
        talk.came(received(seq), 0.0)
    talk.came(received(50, "robot"), 0.0)
    talk.came(received(51, "robot"), 0.0)
    assert [each.count for each in talk.entries if isinstance(each, Preview)] == [1, 3]
    type_in(talk, "@robot", "@bob")
    talk.came(received(52, "robot"), 0.0)
    assert [each.count for each in talk.entries if isinstance(each, Preview)] == [1, 3, 1]


# -- drafts -----------------------------------------------------------------------------------------


def test_each_view_keeps_its_draft_and_gives_it_back_once() -> None:
    talk = at_bob()
    talk.leave_draft("half a thou")
    assert some(type_in(talk, "@carol"), SetDraft) == [SetDraft("")]
    talk.leave_draft("dear ca")
    assert some(type_in(talk, "@bob"), SetDraft) == [SetDraft("half a thou")]
    talk.leave_draft("")
    assert some(type_in(talk, "@carol"), SetDraft) == [SetDraft("dear ca")]
    assert some(type_in(talk, "@bob"), SetDraft) == [SetDraft("")]
    assert some(type_in(talk, "@carol"), SetDraft) == [SetDraft("")]


def test_a_view_with_a_draft_is_kept_longest() -> None:
    talk = at_bob(bounds=Bounds(views=3))
    talk.leave_draft("do not lose me")
    for seq in range(1, 9):
        talk.came(received(seq, f"user{seq}"), 0.0)
    type_in(talk, "@carol")
    assert some(type_in(talk, "@bob"), SetDraft) == [SetDraft("do not lose me")]
    # A view that had to go is loaded again, and its count was kept.
    assert unread(talk)["user1"] == 1
    assert some(type_in(talk, "@user1"), LoadEarlier) == [LoadEarlier(talk_with("user1"), None, BOUNDS.page)]
    talk.earlier(talk_with("user1"), [received(1, "user1")], 0.0)
    assert "user1" not in unread(talk)


def test_a_view_that_had_to_go_is_loaded_again() -> None:
    talk = at_bob(received(1), bounds=Bounds(views=2))
    type_in(talk, "@carol", "@dave")
    assert some(type_in(talk, "@bob"), LoadEarlier) == [LoadEarlier(BOB, None, BOUNDS.page)]


def test_the_view_that_was_not_used_for_longest_has_to_go() -> None:
    talk = at_bob(bounds=Bounds(views=2))
    type_in(talk, "@carol", "@bob", "@dave")
    assert some(type_in(talk, "@bob"), LoadEarlier) == []


def test_the_open_view_stays() -> None:
    talk = at_bob(bounds=Bounds(views=2))
    for seq in (1, 2, 3):
        talk.came(received(seq, f"user{seq}"), 0.0)
    talk.came(received(4), 0.0)
    assert lines(talk.entries)[-1] == "bob: text 4"
    type_in(talk, "/home")
    assert some(type_in(talk, "@bob"), LoadEarlier) == []


# -- what may ring ----------------------------------------------------------------------------------


def test_what_others_write_may_ring_and_it_is_told_whether_it_stands_in_the_open_view() -> None:
    talk = new_talk()
    told = [
        (each.message.seq, each.shown, each.at_home)
        for message in (received(1), broadcast(2), own(3, "far"), received(4, kind="file"))
        for each in some(talk.came(message, 0.0), Received)
    ]
    assert told == [(1, True, True), (2, True, True), (4, True, True)]
    type_in(talk, "to bob")
    told = [
        (each.message.seq, each.shown, each.at_home)
        for message in (received(5), received(6, "carol"), broadcast(7))
        for each in some(talk.came(message, 0.0), Received)
    ]
    assert told == [(5, True, False), (6, False, False), (7, False, False)]


# -- all unread by command --------------------------------------------------------------------------


def test_history_unread_reads_what_waited_when_it_was_typed() -> None:
    talk = at_bob()
    talk.came(received(1, "carol"), 0.0)
    type_in(talk, "/history --unread")
    talk.came(received(2, "carol"), 0.0)
    assert talk.finished(("history", "--unread"), 0) == [MarkRead(1)]
    assert unread(talk) == {"carol": 1}


def test_of_two_such_commands_the_first_reads_what_waited_first() -> None:
    talk = at_bob()
    talk.came(received(1, "carol"), 0.0)
    type_in(talk, "/history --unread")
    talk.came(received(2, "carol"), 0.0)
    type_in(talk, "/history --unread")
    assert talk.finished(("history", "--unread"), 0) == [MarkRead(1)]


def test_a_history_that_failed_or_showed_less_reads_nothing() -> None:
    talk = at_bob()
    talk.came(received(1, "carol"), 0.0)
    type_in(talk, "/history --unread", "/history 5")
    assert talk.finished(("history", "5"), 0) == []
    assert talk.finished(("history", "--unread"), 3) == []
    assert talk.finished(("history", "--unread"), 0) == []
    assert unread(talk) == {"carol": 1}


# -- after a restore of the broker ------------------------------------------------------------------


def test_after_a_restore_new_messages_stand_at_the_end_and_are_marked() -> None:
    talk = at_bob()
    for seq in (7, 8, 9):
        talk.came(received(seq), 0.0)
    assert talk.came(received(5, id="anew"), 10.0)[-1] == MarkRead(5)
    assert lines(talk.entries)[-1] == "bob: text 5"


def test_a_talk_may_begin_in_a_conversation_before_it_is_known_who_there_is() -> None:
    for name, stays in (("bob", True), ("bbo", False)):
        talk = new_talk(live=False)
        talk.begin_in(talk_with(name), 0.0)
        assert talk.conversation == talk_with(name)
        told = lines(shown(talk.roster([("bob", False)], 1.0)))
        assert (talk.conversation == talk_with(name)) is stays
        assert told == ([] if stays else ["! there is no user 'bbo'; did you mean 'bob'?"])


def test_who_went_elsewhere_meanwhile_is_not_sent_home() -> None:
    talk = new_talk(live=False)
    talk.begin_in(talk_with("bbo"), 0.0)
    type_in(talk, "/to all")
    assert talk.roster([("bob", False)], 1.0) == []
    assert talk.conversation == ALL

"""Who is online, and one line for many changes."""

from cnmessage_client.chat.talk import presence as room
from cnmessage_client.chat.talk.presence import QUIET, WINDOW, KnownUsers

ALL = [("alice", True), ("bob", True), ("carol", False), ("dave", False)]


def people(*changes: tuple[str, bool], now: float = 100.0) -> KnownUsers:
    presence = KnownUsers()
    presence.roster(ALL)
    presence.changed(changes, "alice", now)
    return presence


def test_changes_within_the_window_become_one_line() -> None:
    presence = people(("carol", True), now=100.0)
    assert presence.changed([("dave", True), ("bob", False)], "alice", 101.5) == {"dave"}
    assert presence.deadline == 100.0 + WINDOW
    assert [presence.tick(now) for now in (101.9, 102.0, 200.0)] == [
        None,
        "carol, dave came · bob left",
        None,
    ]


def test_more_than_five_are_only_counted() -> None:
    names = [f"user{number}" for number in range(6)]
    presence = people(*((name, True) for name in names))
    presence.changed([("bob", False)], "alice", 100.5)
    assert presence.tick(102.0) == "6 came, 1 left"
    presence.changed([(name, False) for name in names], "alice", 110.0)
    assert presence.tick(112.0) == "6 left"
    presence.changed([(name, True) for name in names[:5]], "alice", 120.0)
    assert presence.tick(122.0) == "user0, user1, user2, user3, user4 came"


def test_who_came_and_went_again_is_not_told() -> None:
    presence = people(("carol", True), ("carol", False))
    assert presence.tick(102.0) is None
    assert presence.deadline is None


def test_what_is_no_change_is_no_news() -> None:
    assert people(("bob", True), ("carol", False)).deadline is None


def test_oneself_is_not_told() -> None:
    assert people(("alice", False)).deadline is None


def test_right_after_the_connection_is_up_nothing_is_told_but_all_is_known() -> None:
    presence = people(("carol", True), now=100.0)
    presence.up(101.0)
    assert presence.deadline is None
    assert presence.changed([("dave", True)], "alice", 101.0 + QUIET - 0.1) == {"dave"}
    assert (presence.deadline, presence.count("alice")) == (None, 4)
    presence.changed([("dave", False)], "alice", 101.0 + QUIET)
    assert presence.tick(200.0) == "dave left"


def test_a_new_list_is_no_news_and_ends_what_was_gathered() -> None:
    presence = people(("carol", True))
    presence.roster(ALL)
    assert (presence.deadline, presence.count("alice")) == (None, 2)


def test_the_count_has_oneself_in_it_and_is_unknown_before_the_list() -> None:
    presence = KnownUsers()
    assert presence.count("alice") is None
    presence.roster([("bob", True)])
    assert presence.count("alice") == 2


def test_names_are_bounded() -> None:
    presence = KnownUsers()
    presence.learn(f"user{number}" for number in range(room.MOST_NAMES))
    presence.learn(["bob"])
    assert "bob" not in presence.known
    assert len(presence.known) == room.MOST_NAMES

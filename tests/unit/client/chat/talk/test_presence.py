"""Users: who there are, and who is online."""

from cnmessage_client.chat.talk.presence import MOST_NAMES, KnownUsers
from tests.support.conversations import talk_with


def online(users: KnownUsers, name: str) -> bool:
    partner = users.partner(talk_with(name), "alice")
    return partner is not None and partner[1]


def test_before_the_first_list_nothing_is_known() -> None:
    users = KnownUsers()
    assert (users.count("alice"), users.names_online("alice"), users.listed) == (None, None, False)


def test_the_list_and_what_changes_since() -> None:
    users = KnownUsers()
    users.roster([("alice", True), ("bob", True), ("carol", False)])
    assert users.changed([("bob", False), ("carol", True), ("dave", True)]) == {"carol", "dave"}
    assert users.known == {"alice", "bob", "carol", "dave"}
    assert users.names_online("alice") == ["alice", "carol", "dave"]
    assert (online(users, "bob"), online(users, "carol"), users.count("alice")) == (False, True, 3)


def test_who_is_asked_counts_as_online_once() -> None:
    users = KnownUsers()
    users.roster([("bob", True)])
    assert (users.count("alice"), users.names_online("bob")) == (2, ["bob"])


def test_no_more_names_are_kept_than_there_is_room_for() -> None:
    users = KnownUsers()
    users.roster([(f"user{number}", True) for number in range(MOST_NAMES + 5)])
    users.changed([(f"late{number}", True) for number in range(5)])
    assert len(users.known) == MOST_NAMES
    assert len(users._online) == MOST_NAMES

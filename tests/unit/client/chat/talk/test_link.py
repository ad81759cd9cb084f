"""The connection in words, and when a person is told of it."""

import pytest

from cnmessage_client.chat.talk.link import Change, LinkStatus, span
from cnmessage_protocol.machines.states import State


def test_the_countdown_is_told_second_by_second() -> None:
    link = LinkStatus()
    link.moved(State.LIVE, 0.0, 0.0)
    assert (link.words("alice", 0.0), link.deadline) == ("online", None)
    link.moved(State.WAITING, 3.5, 10.0)
    told = []
    for _ in range(20):
        due = link.deadline
        if due is None:
            break
        told.append((due, link.words("alice", due)))
        link.tick(due)
    assert told == [
        (10.5, "reconnecting in 3 s (try 1)"),
        (11.5, "reconnecting in 2 s (try 1)"),
        (12.5, "reconnecting in 1 s (try 1)"),
        (13.5, "reconnecting in 0 s (try 1)"),
    ]
    assert link.words("alice", 10.0) == "reconnecting in 4 s (try 1)"


@pytest.mark.parametrize("start", [0.1, 1e9 + 0.3])
def test_the_countdown_ends_whatever_the_clock_rounds(start: float) -> None:
    link = LinkStatus()
    link.moved(State.WAITING, 4.7, start)
    for _ in range(5):
        assert link.deadline is not None
        link.tick(link.deadline)
    assert link.deadline is None


def test_attempts_are_counted_until_it_is_back() -> None:
    link = LinkStatus()
    link.moved(State.LIVE, 0.0, 0.0)
    turns = [link.moved(State.WAITING, 1.0, 1.0)]
    turns += [link.moved(state, 2.0, 2.0) for state in (State.ATTACHING, State.WAITING)]
    assert turns == [Change.LOST, Change.NONE, Change.NONE]
    assert link.words("alice", 2.0) == "reconnecting in 2 s (try 2)"
    link.moved(State.ATTACHING, 0.0, 60.0)
    assert link.returning
    assert link.words("alice", 60.0) == "connecting (try 2)"
    assert link.moved(State.LIVE, 0.0, 193.0) is Change.BACK
    assert (link.away, link.returning) == (192.0, False)
    assert link.moved(State.WAITING, 1.0, 200.0) is Change.LOST
    assert link.words("alice", 200.0) == "reconnecting in 1 s (try 1)"


def test_what_never_was_up_is_not_back() -> None:
    link = LinkStatus()
    link.moved(State.ATTACHING, 0.0, 0.0)
    link.moved(State.WAITING, 1.0, 3.0)
    link.moved(State.ATTACHING, 0.0, 4.0)
    assert not link.returning
    assert link.moved(State.LIVE, 0.0, 5.0) is Change.UP


def test_a_broker_that_has_forgotten_us_is_not_told_of() -> None:
    link = LinkStatus()
    link.moved(State.LIVE, 0.0, 0.0)
    assert [link.moved(state, 0.0, 1.0) for state in (State.ATTACHING, State.JOINING, State.LIVE)] == [
        Change.NONE
    ] * 3


@pytest.mark.parametrize(
    ("state", "user", "words", "up"),
    [
        (State.CLOSED, "alice", "offline", False),
        (State.CLOSED, None, "not logged in", False),
        (State.READY, None, "not logged in", False),
        (State.READY, "alice", "connecting", False),
        (State.JOINING, "alice", "connecting", False),
        (State.CATCHING_UP, "alice", "connecting", True),
        (State.LIVE, "alice", "online", True),
        (State.WAITING, None, "reconnecting in 1 s (try 1)", False),
    ],
)
def test_states_in_words(state: State, user: str | None, words: str, up: bool) -> None:
    link = LinkStatus()
    link.moved(state, 1.0, 0.0)
    assert (link.words(user, 0.0), link.up) == (words, up)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0s"), (59.9, "59s"), (60, "1m00s"), (192, "3m12s"), (3600, "1h00m"), (93784, "26h03m")],
)
def test_a_span_as_a_person_reads_it(seconds: float, text: str) -> None:
    assert span(seconds) == text

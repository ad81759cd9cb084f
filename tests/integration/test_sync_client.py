"""The blocking client: the same course of things without asyncio, from several threads, and closing it."""

import threading
from contextlib import closing

import pytest

from cnmessage_client import CnMessageError, ErrorCode, Home, Message, SyncClient
from tests.support.harness import PASSWORD, BrokerThread
from tests.support.patience import PATIENCE


def entered(broker: BrokerThread, home: Home, name: str) -> SyncClient:
    """A connected client of a new user."""
    client = SyncClient(home=home, profile=name, broker=broker.address)
    client.connect()
    client.signup(name, PASSWORD)
    return client


def test_two_users_talk_without_asyncio(broker: BrokerThread, home: Home) -> None:
    with closing(entered(broker, home, "alice")) as alice, closing(entered(broker, home, "bob")) as bob:
        receipt = alice.send("bob", "hello")
        stream = bob.messages()
        message = next(stream)
        assert (message.sender, message.body, message.id) == ("alice", "hello", receipt.id)
        assert [each.body for each in bob.history()] == ["hello"]
        assert [user.name for user in alice.users()] == ["alice", "bob"]
        bob.block("alice")
        assert bob.blocked() == ["alice"]
        alice.send("bob", "unheard")
        bob.unblock("alice")
        alice.send("bob", "heard")
        assert next(stream).body == "heard"
        assert alice.whoami().user == "alice"
        assert len(bob.devices()) == 1


def test_all_there_is_can_be_read_from_its_beginning_and_stays_unread(
    broker: BrokerThread, home: Home
) -> None:
    with closing(entered(broker, home, "alice")) as alice, closing(entered(broker, home, "bob")) as bob:
        for number in range(5):
            alice.send("bob", f"{number}")
            bob.send("alice", f"{number}!")
        said = [f"{number}{mark}" for number in range(5) for mark in ("", "!")]
        assert [each.body for each in alice.oldest_first() if isinstance(each, Message)] == said
        assert [each.seq for each in bob.oldest_first(peers="alice")] == list(range(1, 11))
        assert list(bob.oldest_first(peers=["bob"])) == []
        with pytest.raises(CnMessageError, match="no user 'carol'"):
            next(alice.oldest_first(peers=["bob", "carol"]))
        assert alice.whoami().unread == 5


def test_threads_may_share_a_client_and_each_message_arrives_once(broker: BrokerThread, home: Home) -> None:
    with closing(entered(broker, home, "alice")) as alice, closing(entered(broker, home, "bob")) as bob:
        threads = [
            threading.Thread(
                target=lambda number=number: [alice.send("bob", f"{number} {n}") for n in range(25)]
            )
            for number in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        stream = bob.messages()
        bodies = [next(stream).body for _ in range(100)]
        assert sorted(bodies) == sorted(f"{number} {n}" for number in range(4) for n in range(25))
        for number in range(4):
            assert [body for body in bodies if body.startswith(f"{number} ")] == [
                f"{number} {n}" for n in range(25)
            ]


@pytest.mark.parametrize("round_", range(5))
def test_closing_ends_a_thread_that_waits_for_messages(broker: BrokerThread, home: Home, round_: int) -> None:
    bob = entered(broker, home, "bob")
    waiting = threading.Event()
    ends: list[BaseException | Message] = []

    def consume() -> None:
        waiting.set()
        try:
            ends.extend(bob.messages())
        except CnMessageError as error:
            ends.append(error)

    thread = threading.Thread(target=consume)
    thread.start()
    assert waiting.wait(PATIENCE)
    bob.close()
    thread.join(PATIENCE)
    assert not thread.is_alive()
    (end,) = ends
    assert isinstance(end, CnMessageError)
    assert end.code is ErrorCode.UNREACHABLE


def test_an_iteration_that_was_left_goes_on_where_it_stopped(broker: BrokerThread, home: Home) -> None:
    with closing(entered(broker, home, "alice")) as alice, closing(entered(broker, home, "bob")) as bob:
        for number in range(6):
            alice.send("bob", str(number))
        seen = [next(bob.messages()).body for _ in range(3)]
        stream = bob.messages()
        assert [*seen, *(next(stream).body for _ in range(3))] == list("012345")


def test_a_closed_client_says_so_and_may_be_closed_again(broker: BrokerThread, home: Home) -> None:
    alice = entered(broker, home, "alice")
    alice.close()
    alice.close()
    with pytest.raises(CnMessageError, match="closed"):
        alice.whoami()


def test_a_client_that_cannot_be_made_leaves_no_thread_behind(home: Home) -> None:
    before = threading.active_count()
    with pytest.raises(CnMessageError, match="is not a broker's address"):
        SyncClient(home=home, broker="host:port:more")
    assert threading.active_count() == before

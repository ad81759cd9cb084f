"""What waits when a chat begins, more than it shows: nothing that was not shown is ever marked as read."""

import asyncio

import pytest

from cnmessage_client import Client, Home
from cnmessage_client.chat.drive.backlog import MOST_SHOWN, Backlog
from tests.support.harness import BrokerThread, sign_up


@pytest.mark.parametrize(
    ("waiting", "between", "shown", "told"),
    [
        (MOST_SHOWN - 1, 1, MOST_SHOWN, []),
        (MOST_SHOWN, 0, MOST_SHOWN, []),
        (MOST_SHOWN, 1, MOST_SHOWN, [(MOST_SHOWN + 1, MOST_SHOWN)]),
        (MOST_SHOWN, 9, MOST_SHOWN, [(MOST_SHOWN + 1, MOST_SHOWN)]),
        (MOST_SHOWN + 5, 1, MOST_SHOWN, [(MOST_SHOWN + 5, MOST_SHOWN)]),
        (1, 1, 2, []),
    ],
)
def test_what_comes_between_the_count_and_the_list_hides_nothing(
    broker: BrokerThread, home: Home, waiting: int, between: int, shown: int, told: list[tuple[int, int]]
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with (
            Client(home=home, profile="alice", broker=broker.address) as alice,
            Client(home=home, profile="bob", broker=broker.address) as bob,
        ):
            await asyncio.gather(*(bob.send("alice", f"text {number}") for number in range(waiting)))
            me = await alice.whoami()
            await asyncio.gather(*(bob.send("alice", f"later {number}") for number in range(between)))
            heard: list[tuple[int, int]] = []
            backlog = Backlog()
            found, after = await backlog.begin(alice, me, lambda *counts: heard.append(counts))
            last = waiting + between
            assert [each.seq for each in found] == list(range(last - shown + 1, last + 1))
            assert (after, heard) == (last, told)
            assert backlog.held is bool(told)
            assert backlog.markable(last) == (None if told else last)
            if told:
                assert backlog.read(last - shown - 1) is None
                assert backlog.read(last - shown) == last

    asyncio.run(scenario())


def test_of_more_than_is_shown_only_conversations_that_are_shown_whole_may_count_as_read(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob", "carol", "dave")
        async with (
            Client(home=home, profile="alice", broker=broker.address) as alice,
            Client(home=home, profile="bob", broker=broker.address) as bob,
            Client(home=home, profile="carol", broker=broker.address) as carol,
        ):
            await bob.send("alice", "before all that is shown")
            await asyncio.gather(*(carol.send("alice", f"text {number}") for number in range(MOST_SHOWN - 1)))
            await bob.send("alice", "the last")
            backlog = Backlog()
            await backlog.begin(alice, await alice.whoami(), lambda *_: None)
            assert [backlog.whole(each) for each in ("bob", "carol", "dave")] == [False, True, True]

    asyncio.run(scenario())

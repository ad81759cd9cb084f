"""Reading one conversation reads no other, whoever looks: a chat, a list, a stream, a sender who waits."""

import asyncio

from cnmessage_client import Client, Home, Message
from tests.support.harness import BrokerThread, sign_up


async def counts(client: Client) -> dict[str, int]:
    """What waits in each conversation."""
    return {each.name: each.unread for each in await client.conversations()}


def test_a_stream_that_begins_leaves_out_what_was_read_of_a_conversation(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob", "carol")
        async with (
            Client(home=home, profile="alice", broker=broker.address) as alice,
            Client(home=home, profile="bob", broker=broker.address) as bob,
            Client(home=home, profile="carol", broker=broker.address) as carol,
        ):
            await carol.send("alice", "one of carol")
            receipt = await bob.send("alice", "one of bob")
            await carol.send("alice", "two of carol")
            await alice.mark_read(2, peer="bob")
            assert await counts(alice) == {"bob": 0, "carol": 2}
            assert (await bob.receipts([receipt.id]))[0].states == {"alice": "read"}
            seen: list[str] = []
            async for message in alice.messages():
                assert isinstance(message, Message)
                seen.append(message.body)
                if message.body == "two of carol":
                    break
            assert seen == ["one of carol", "two of carol"]

    asyncio.run(scenario())

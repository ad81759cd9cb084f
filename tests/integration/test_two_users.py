"""Two real clients, a real broker, real sockets: the plain course of things."""

import asyncio

import pytest

from cnmessage_client import Client, CnMessageError, ErrorCode, Home
from tests.support.harness import PASSWORD, BrokerThread, sign_up


def test_a_message_reaches_the_other(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            stream = bob.messages()
            receipt = await alice.send("bob", "hello")
            message = await anext(stream)
            assert (message.sender, message.body, message.id) == ("alice", "hello", receipt.id)
            assert receipt.recipients == 1

    asyncio.run(scenario())


def test_sending_to_nobody_names_who_is_missing(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        async with Client(home=home, profile="alice") as alice:
            with pytest.raises(CnMessageError, match="'nobody'") as caught:
                await alice.send("nobody", "hello")
            assert caught.value.code is ErrorCode.NO_SUCH_USER

    asyncio.run(scenario())


def test_a_wrong_password_is_refused(broker: BrokerThread, home: Home) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice")
        async with Client(home=home, profile="other", broker=broker.address) as other:
            with pytest.raises(CnMessageError) as caught:
                await other.login("alice", PASSWORD + "x")
            assert caught.value.code is ErrorCode.BAD_CREDENTIALS

    asyncio.run(scenario())


def test_all_of_an_inbox_can_be_read_downwards_however_large_its_messages_are(
    broker: BrokerThread, home: Home
) -> None:
    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob")
        async with Client(home=home, profile="alice") as alice, Client(home=home, profile="bob") as bob:
            for number in range(30):
                await (alice if number % 2 else bob).send("alice" if number % 2 == 0 else "bob", "x" * 60_000)
            latest = await alice.entries(20, own=True)
            assert [each.seq for each in latest] == list(range(11, 31))
            assert [each.received for each in latest] == [number % 2 == 0 for number in range(10, 30)]
            earlier = await alice.entries(20, before=11, own=True)
            assert [each.seq for each in earlier] == list(range(1, 11))
            assert await alice.entries(20, before=1, own=True) == []

    asyncio.run(scenario())

"""A chat that hears much keeps little: what it holds is bounded, whatever comes."""

import asyncio

import pytest

from cnmessage_client import Client, Home
from cnmessage_client.chat.talk.bounds import BOUNDS
from tests.support.harness import BrokerThread, sign_up
from tests.support.sitting import sitting

LINES = 10_000


def test_ten_thousand_received_lines_leave_the_talk_bounded(
    broker: BrokerThread, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CNMESSAGE_HOME", str(home.config))

    async def scenario() -> None:
        await sign_up(broker.address, home, "alice", "bob", "carol")
        async with (
            sitting("alice", broker.address, home) as chat,
            Client(home=home, profile="bob", broker=broker.address, timeout=30) as bob,
            Client(home=home, profile="carol", broker=broker.address, timeout=30) as carol,
        ):
            for first in range(0, LINES, 500):
                await asyncio.gather(
                    *(
                        (bob if number % 2 else carol).send("alice", f"line {number}")
                        for number in range(first, first + 500)
                    )
                )
            await chat.screen.until_said(f"line {LINES - 1}", None)
            assert len(chat.driver.talk.entries) == BOUNDS.entries
            assert len(chat.driver._tasks) < 20
            assert chat.driver.living.queued == 0
            assert not chat.driver.feed.faults

    asyncio.run(scenario())

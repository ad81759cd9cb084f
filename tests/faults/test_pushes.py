"""Pushes are a doorbell: when they are dropped on purpose, everything still arrives within two seconds."""

import asyncio
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from cnmessage_broker.app import DATABASE
from cnmessage_client import Home
from tests.faults.checker import check
from tests.faults.crew import crew, turning
from tests.support.harness import BrokerThread, sign_up

MESSAGES = 300


def _all() -> bool:
    return True


def _half() -> Callable[[], bool]:
    dice = random.Random(7)
    return lambda: dice.random() < 0.5


@pytest.mark.parametrize("when", ["from the start", "once live"])
@pytest.mark.parametrize("drop", [_all, _half()], ids=["all", "half"])
def test_dropped_pushes_cost_at_most_two_seconds(
    broker: BrokerThread,
    home: Home,
    when: str,
    drop: Callable[[], bool],
) -> None:
    async def scenario() -> tuple[float, list[object]]:
        await sign_up(broker.address, home, "alice", "bob")
        async with crew(home, "alice", "bob") as (alice, bob):
            connection = bob.client._connection
            assert connection is not None
            if when == "once live":
                await asyncio.wait_for(turning(bob.client)("live"), 5)
            connection.drop_push = drop
            for number in range(MESSAGES):
                alice.send("bob", f"body {number}")
            await alice.settled()
            acknowledged = time.monotonic()
            await bob.shown(MESSAGES, 10)
            return time.monotonic() - acknowledged, [alice.journal, bob.journal]

    took, journals = asyncio.run(scenario())
    assert took < 2.0
    assert check(broker.broker.config.data / DATABASE, journals) == []  # type: ignore[arg-type]


def test_a_message_alone_is_found_by_the_heartbeat(broker: BrokerThread, home: Home, tmp_path: Path) -> None:
    # The last push before a silence leaves no gap behind it; only the head in the beat's answer shows it.
    async def scenario() -> float:
        await sign_up(broker.address, home, "alice", "bob")
        async with crew(home, "alice", "bob") as (alice, bob):
            await asyncio.wait_for(turning(bob.client)("live"), 5)
            connection = bob.client._connection
            assert connection is not None
            connection.drop_push = _all
            alice.send("bob", "alone")
            await alice.settled()
            acknowledged = time.monotonic()
            await bob.shown(1, 10)
            return time.monotonic() - acknowledged

    assert asyncio.run(scenario()) < 2.0

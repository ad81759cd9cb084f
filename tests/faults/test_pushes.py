"""Pushes are a doorbell: when they are dropped on purpose, everything still arrives within two seconds."""

import asyncio
import random
import time
from collections.abc import Callable

import pytest

from cnmessage_broker.app import DATABASE
from cnmessage_client import Home
from tests.faults.checker import check
from tests.faults.crew import crew, turning
from tests.support.harness import BrokerThread, sign_up
from tests.support.lossy import LossyProxy

MESSAGES = 300


def _all() -> bool:
    return True


def _none() -> bool:
    return False


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
    async def scenario(wire: LossyProxy) -> tuple[float, list[object]]:
        await sign_up(broker.address, home, "alice")
        await sign_up(wire.address, home, "bob")
        async with crew(home, "alice", "bob") as (alice, bob):
            if when == "once live":
                await asyncio.wait_for(turning(bob.client)("live"), 5)
            wire.drop = drop
            for number in range(MESSAGES):
                alice.send("bob", f"body {number}")
            await alice.settled()
            acknowledged = time.monotonic()
            await bob.shown(MESSAGES, 10)
            return time.monotonic() - acknowledged, [alice.journal, bob.journal]

    with LossyProxy(broker.address, drop if when == "from the start" else _none) as wire:
        took, journals = asyncio.run(scenario(wire))
    assert took < 2.0
    assert wire.dropped > 0
    assert check(broker.broker.config.data / DATABASE, journals) == []  # type: ignore[arg-type]


def test_a_message_alone_is_found_by_the_heartbeat(broker: BrokerThread, home: Home) -> None:
    # The last push before a silence leaves no gap behind it; only the head in the beat's answer shows it.
    async def scenario(wire: LossyProxy) -> float:
        await sign_up(broker.address, home, "alice")
        await sign_up(wire.address, home, "bob")
        async with crew(home, "alice", "bob") as (alice, bob):
            await asyncio.wait_for(turning(bob.client)("live"), 5)
            wire.drop = _all
            alice.send("bob", "alone")
            await alice.settled()
            acknowledged = time.monotonic()
            await bob.shown(1, 10)
            return time.monotonic() - acknowledged

    with LossyProxy(broker.address, _none) as wire:
        assert asyncio.run(scenario(wire)) < 2.0
    assert wire.dropped > 0

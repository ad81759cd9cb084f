"""Pushes are a doorbell: when they are dropped on purpose, everything still arrives.

How soon is shown in virtual time: tests/unit/protocol/machines/test_session.py.
"""

import asyncio
import random
from collections.abc import Callable

import pytest

from cnmessage_broker.app import DATABASE
from cnmessage_client import Home
from tests.faults.checker import Journal, check
from tests.faults.crew import crew, turning
from tests.support.harness import BrokerThread, sign_up
from tests.support.lossy import LossyProxy
from tests.support.patience import PATIENCE

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
def test_dropped_pushes_cost_no_message(
    broker: BrokerThread,
    home: Home,
    when: str,
    drop: Callable[[], bool],
) -> None:
    async def scenario(wire: LossyProxy) -> list[Journal]:
        await sign_up(broker.address, home, "alice")
        await sign_up(wire.address, home, "bob")
        async with crew(home, "alice", "bob") as (alice, bob):
            if when == "once live":
                await asyncio.wait_for(turning(bob.client)("live"), PATIENCE)
            wire.drop = drop
            for number in range(MESSAGES):
                alice.send("bob", f"body {number}")
            await alice.settled()
            await bob.shown(MESSAGES)
            return [alice.journal, bob.journal]

    with LossyProxy(broker.address, drop if when == "from the start" else _none) as wire:
        journals = asyncio.run(scenario(wire))
    assert wire.dropped > 0
    assert check(broker.broker.config.data / DATABASE, journals) == []


def test_a_message_alone_is_found_by_the_heartbeat(broker: BrokerThread, home: Home) -> None:
    # The last push before a silence leaves no gap behind it; only the head in the beat's answer shows it.
    async def scenario(wire: LossyProxy) -> None:
        await sign_up(broker.address, home, "alice")
        await sign_up(wire.address, home, "bob")
        async with crew(home, "alice", "bob") as (alice, bob):
            await asyncio.wait_for(turning(bob.client)("live"), PATIENCE)
            wire.drop = _all
            alice.send("bob", "alone")
            await alice.settled()
            await bob.shown(1)

    with LossyProxy(broker.address, _none) as wire:
        asyncio.run(scenario(wire))
    assert wire.dropped > 0

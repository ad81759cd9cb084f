"""The broker dies by SIGKILL under load, again and again, and loses nothing it acknowledged."""

import asyncio
import random
from pathlib import Path

import pytest

from cnmessage_broker.app import DATABASE
from cnmessage_client import Home
from tests.faults.checker import check
from tests.faults.crew import MORE_RUNS, Member, crew
from tests.support.harness import BrokerProcess, sign_up
from tests.support.patience import PATIENCE

USERS = tuple(f"user{number}" for number in range(10))
KILLS = max(5, MORE_RUNS)
IN_FLIGHT = 25
"""Messages a member hands over in one turn before it lets others run."""


async def _chatter(member: Member, seed: int, ended: asyncio.Event) -> None:
    dice = random.Random(seed)
    number = 0
    others = [user for user in USERS if user != member.journal.user]
    while not ended.is_set():
        for _ in range(IN_FLIGHT):
            member.send(dice.choice(others), f"{member.journal.user} {number}")
            number += 1
        try:
            # Paces the load; also while the broker is away, so that messages queue up.
            await asyncio.wait_for(ended.wait(), dice.uniform(0.02, 0.2))
        except TimeoutError:
            continue


async def _scenario(broker: BrokerProcess, home: Home, seed: int) -> list[Member]:
    dice = random.Random(seed)
    await sign_up(broker.address, home, *USERS)
    async with crew(home, *USERS) as members:
        ended = asyncio.Event()
        chatter = [asyncio.create_task(_chatter(each, n, ended)) for n, each in enumerate(members)]
        for _ in range(KILLS):
            acknowledged = sum(len(each.journal.acked) for each in members)
            while sum(len(each.journal.acked) for each in members) < acknowledged + 20:
                await asyncio.wait_for(members[0].news.wait(), PATIENCE)
                members[0].news.clear()
            try:
                await asyncio.wait_for(ended.wait(), dice.uniform(0.0, 0.3))
            except TimeoutError:
                await asyncio.to_thread(broker.kill)
            await asyncio.to_thread(broker.start)
        ended.set()
        await asyncio.gather(*chatter)
        # I9: caught up within ten seconds of the healing, but for the backoff that may have to run out.
        await asyncio.wait_for(asyncio.gather(*(each.settled() for each in members)), PATIENCE)
        for each in members:
            received = sum(1 for m in members for h in m.journal.handed if each.journal.user in h.to)
            await each.shown(received + len(each.journal.handed))
    return members


@pytest.mark.slow
@pytest.mark.timeout(90 + 15 * KILLS)
def test_nothing_acknowledged_is_lost_when_the_broker_is_killed(tmp_path: Path, home: Home) -> None:
    with BrokerProcess(tmp_path / "broker") as broker:
        members = asyncio.run(_scenario(broker, home, seed=20))
        assert broker.stop() == 0
    journals = [each.journal for each in members]
    assert sum(len(each.acked) for each in journals) > KILLS * 20
    assert all(len(each.acked) == len(each.handed) for each in journals)
    assert check(tmp_path / "broker" / DATABASE, journals) == []

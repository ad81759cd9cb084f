"""Half-open connections: a broker or a client that stops without a word and comes back later."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnmessage_broker.app import DATABASE
from cnmessage_client import Client, ErrorCode, Home
from cnmessage_client.client import DEFAULT_TIMEOUT
from tests.faults.checker import check
from tests.faults.crew import Member, crew, refusal, turning
from tests.support.harness import BrokerProcess, sign_up
from tests.support.patience import PATIENCE

ROOT = Path(__file__).parents[2]


def _signal(broker: BrokerProcess, number: signal.Signals) -> None:
    assert broker.process is not None
    os.kill(broker.process.pid, number)


@pytest.mark.slow
def test_a_frozen_broker_that_thaws_has_lost_and_doubled_nothing(
    broker_process: BrokerProcess, home: Home
) -> None:
    async def scenario() -> list[Member]:
        await sign_up(broker_process.address, home, "alice", "bob")
        async with crew(home, "alice", "bob") as members:
            alice, _bob = members
            for number in range(200):
                alice.send("bob", f"before {number}")
            await alice.settled()
            lost = [turning(each.client)("waiting") for each in members]
            _signal(broker_process, signal.SIGSTOP)
            try:
                for number in range(200):
                    alice.send("bob", f"during {number}")
                await asyncio.wait_for(asyncio.gather(*lost), PATIENCE)  # silent for three seconds and more
            finally:
                _signal(broker_process, signal.SIGCONT)
            await asyncio.wait_for(alice.settled(), PATIENCE)
            for number in range(50):
                alice.send("bob", f"after {number}")
            await asyncio.wait_for(alice.settled(), PATIENCE)
            await asyncio.gather(*(each.shown(450) for each in members))
            return members

    members = asyncio.run(scenario())
    broker_process.stop()
    assert check(broker_process.data / DATABASE, [each.journal for each in members]) == []


@pytest.mark.slow
def test_a_frozen_client_is_offline_to_others_after_three_seconds(
    broker_process: BrokerProcess, home: Home
) -> None:
    async def scenario() -> float:
        await sign_up(broker_process.address, home, "alice", "bob")
        command = [sys.executable, "-m", "tests.faults.sender", "watch", str(home.config), "bob"]
        child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)  # noqa: ASYNC220 - starts at once
        assert child.stdout is not None
        try:
            assert await asyncio.to_thread(child.stdout.readline) == "live\n"
            async with Client(home=home, profile="alice") as alice:
                child.send_signal(signal.SIGSTOP)
                stopped = time.monotonic()
                while any(user.online for user in await alice.users() if user.name == "bob"):
                    assert time.monotonic() - stopped < PATIENCE
                silent = time.monotonic() - stopped
                await alice.send("bob", "while you were frozen")
                child.send_signal(signal.SIGCONT)
                line = await asyncio.wait_for(asyncio.to_thread(_next_message, child), PATIENCE)
                assert line == "while you were frozen\n"
                return silent
        finally:
            child.kill()
            child.wait(PATIENCE)
            child.stdout.close()

    assert asyncio.run(scenario()) >= 2.0  # three after the last beat; how exactly, tests of the broker show


def _next_message(child: "subprocess.Popen[str]") -> str:
    assert child.stdout is not None
    return next(line for line in child.stdout if line != "live\n")


def test_a_frozen_broker_is_an_error_that_says_the_message_may_have_arrived(
    broker_process: BrokerProcess,
    home: Home,
) -> None:
    async def scenario() -> None:
        await sign_up(broker_process.address, home, "alice")
        client = Client(home=home, profile="alice", timeout=1.0)
        await client.connect()
        await client.whoami()
        _signal(broker_process, signal.SIGSTOP)
        try:
            started = time.monotonic()
            error = await refusal(client.send("alice", "hello?"))
            assert time.monotonic() - started < DEFAULT_TIMEOUT
            assert error.code is ErrorCode.UNREACHABLE
            assert "may have arrived" in error.message
            assert (await refusal(client.whoami())).code is ErrorCode.UNREACHABLE
        finally:
            _signal(broker_process, signal.SIGCONT)
            await client.close()
        # As promised, the next client of the profile confirms it: exactly one copy.
        async with Client(home=home, profile="alice") as later:
            await later.send("alice", "second")
            assert [each.body for each in await later.history()] == ["hello?", "second"]

    asyncio.run(scenario())

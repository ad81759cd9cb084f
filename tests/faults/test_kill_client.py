"""A client dies by SIGKILL with messages in flight; the next client of its profile finishes the work."""

import asyncio
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from cnmessage_client import Client, Home
from cnmessage_client.model import Message
from tests.faults.crew import MORE_RUNS
from tests.support.harness import BrokerThread, sign_up

ROOT = Path(__file__).parents[2]
RUNS = max(3, MORE_RUNS)
COUNT = 3000


def _killed_while_sending(home: Home, after: int) -> list[int]:
    """Numbers of the messages whose acknowledgement was printed before the end."""
    command = [
        sys.executable,
        "-m",
        "tests.faults.sender",
        "send",
        str(home.config),
        "alice",
        "bob",
        str(COUNT),
    ]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        lines = []
        for line in child.stdout:
            lines.append(int(line))
            if len(lines) == after:
                child.kill()
                break
        lines += [int(line) for line in child.stdout if line.endswith("\n")]
    return lines


async def _finish(home: Home) -> list[Message]:
    """A new client of the same profile: everything queued is acknowledged; gives what bob has then."""
    async with Client(home=home, profile="alice") as alice:
        deadline = time.monotonic() + 10
        while alice.queued:
            await (
                alice.whoami()
            )  # a round trip each time, so that this waits for the broker and spins nothing
            assert time.monotonic() < deadline
    async with Client(home=home, profile="bob") as bob:
        head = (await bob.whoami()).head
        shown: list[Message] = []
        async for message in bob.messages(after=0):
            shown.append(message)
            if message.seq >= head:
                break
        return shown


@pytest.mark.parametrize("run", range(RUNS))
def test_a_killed_client_leaves_one_copy_of_each_message(broker: BrokerThread, home: Home, run: int) -> None:
    asyncio.run(sign_up(broker.address, home, "alice", "bob"))
    printed = _killed_while_sending(home, after=random.Random(run).randint(1, COUNT // 2))
    numbers = [int(message.body.split()[1]) for message in asyncio.run(_finish(home))]
    assert numbers == sorted(set(numbers)), "a message came twice or out of order"
    assert set(printed) <= set(numbers), "an acknowledged message was lost"
    # All were on disk before the first was sent, so a later client must bring all of them.
    assert numbers == list(range(COUNT))
    assert list(home.profile("alice").outbox.iterdir()) == []

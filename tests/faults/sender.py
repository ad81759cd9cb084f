"""A client in a process of its own, to be killed or stopped.

    python -m tests.faults.sender MODE HOME USER [TO COUNT]

`send` hands over COUNT messages at once and prints a line for each acknowledgement; `watch` prints `live`
and then every message.
"""

import asyncio
import sys
from pathlib import Path

from cnmessage_client import Client
from cnmessage_protocol.machines.states import State
from tests.support.harness import home_at


async def _send(client: Client, to: str, count: int) -> None:
    async def one(number: int) -> None:
        await client.send(to, f"body {number}")
        _say(f"{number}")

    await asyncio.gather(*(one(number) for number in range(count)))


async def _watch(client: Client) -> None:
    client.on_state = lambda state, _: _say("live") if state is State.LIVE else None
    async for message in client.messages(own=True):
        _say(message.body)


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


async def _main(mode: str, home: str, user: str, *rest: str) -> None:
    async with Client(home=home_at(Path(home)), profile=user) as client:
        if mode == "watch":
            await _watch(client)
        else:
            await _send(client, rest[0], int(rest[1]))


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))

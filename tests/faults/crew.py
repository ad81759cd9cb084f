"""Clients that talk through faults and write down what they did and saw, for checker.py."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from uuid import UUID

from cnmessage_client import Client, CnMessageError, Home
from cnmessage_protocol.ids import uuid7
from tests.faults.checker import Handed, Journal
from tests.support.patience import PATIENCE

MORE_RUNS = int(os.environ.get("CNMESSAGE_FAULT_RUNS", "0"))
"""Faults for each test beyond the handful of the default suite."""


class Member:
    """One client with its journal; follows its stream from the start."""

    def __init__(self, home: Home, user: str, timeout: float = PATIENCE) -> None:
        self.journal = Journal(user)
        self.client = Client(home=home, profile=user, timeout=timeout)
        self.news = asyncio.Event()
        self._sends: list[asyncio.Task[None]] = []

    async def follow(self) -> None:
        """Write down what comes, until cancelled."""
        async for message in self.client.messages(after=0, own=True):
            self.journal.shown.append(message)
            self.news.set()

    def send(self, to: str, body: str) -> None:
        """Hand a message over without waiting for its acknowledgement."""
        client_id = str(UUID(bytes=uuid7(time.time_ns() // 1_000_000, os.urandom(10))))
        self.journal.handed.append(Handed(client_id, (to,), body))
        self._sends.append(asyncio.create_task(self._acknowledged(client_id, to, body)))

    async def _acknowledged(self, client_id: str, to: str, body: str) -> None:
        self.journal.acked[client_id] = await self.client.send(to, body, client_id=client_id)

    async def settled(self) -> None:
        """Every message handed over has its acknowledgement; raises what went wrong otherwise."""
        await asyncio.gather(*self._sends)

    async def shown(self, count: int) -> None:
        """Wait until that many items were shown."""
        async with asyncio.timeout(PATIENCE):
            while len(self.journal.shown) < count:
                self.news.clear()
                await self.news.wait()


@asynccontextmanager
async def crew(home: Home, *users: str, timeout: float = PATIENCE) -> AsyncIterator[list[Member]]:  # noqa: ASYNC109 - the client's own setting
    """Members that are connected and follow; no password is given to any of them."""
    members = [Member(home, user, timeout) for user in users]
    following: list[asyncio.Task[None]] = []
    try:
        for member in members:
            await member.client.connect()
            following.append(asyncio.create_task(member.follow()))
        yield members
    finally:
        for task in following:
            task.cancel()
        await asyncio.gather(*following, return_exceptions=True)
        for member in members:
            await member.client.close()


def turning(client: Client) -> Callable[[str], "asyncio.Future[float]"]:
    """Gives a function that waits for the client's next move to a named state; its result is the time."""
    waiting: list[tuple[str, asyncio.Future[float]]] = []

    def moved(state: object, _retry_in: float) -> None:
        for name, future in waiting:
            if getattr(state, "value", "") == name and not future.done():
                future.set_result(time.monotonic())

    def wait_for(name: str) -> "asyncio.Future[float]":
        future: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        waiting.append((name, future))
        return future

    client.on_state = moved
    return wait_for


async def refusal(call: object) -> CnMessageError:
    """The error a call ends with; AssertionError when it does not."""
    try:
        await call  # type: ignore[misc]
    except CnMessageError as error:
        return error
    raise AssertionError("the call should have failed")

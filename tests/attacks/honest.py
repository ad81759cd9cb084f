"""Honest users: real clients that exchange messages at a steady pace and tell the parent all that they see.

Lines to the parent, as JSON: `sent`, `acked` and `shown` with the message's number, `failed` with an error,
`away` when one was attached and is no longer, `new` and `joined` for a client that knows nothing of the
broker, `ended` after the last message. Times are CLOCK_MONOTONIC, the same in every process of a machine.
"""

import asyncio
import sys
import tempfile
import threading
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from cnmessage_client import Client, CnMessageError, Home
from cnmessage_client.address import parse_address
from cnmessage_client.loop import new_event_loop
from cnmessage_protocol.machines.states import State
from tests.attacks.ground import Account, Place
from tests.attacks.parties import begin, tell

RATE = 20.0
"""Messages a second, of all together."""

PATIENCE = 60.0
NEWCOMER_PAUSE = 0.7
NEWCOMER_PATIENCE = 10.0


def home_of(folder: Path, place: Place, account: Account, *, known: bool) -> Home:
    """A client's home with this account's device in it; with `known`, the broker is pinned already."""
    home = Home(folder, folder / "state")
    profile = home.profile(account.name)
    profile.keep_keys(account.keys)
    profile.remember(broker=broker_of(place, known=known), user=account.name)
    return home


def broker_of(place: Place, *, known: bool) -> str:
    """The address, with the broker's key or without."""
    where = parse_address(place.address)
    return place.address if known else where.place


class Crew:
    """All honest users of a run, in one event loop."""

    def __init__(self, place: Place, folder: Path) -> None:
        self._place = place
        self._folder = folder
        self._clients = [self._client(account) for account in place.honest]
        self._live: set[int] = set()
        self._sending: set[asyncio.Task[None]] = set()
        self.all_live = asyncio.Event()

    def _client(self, account: Account) -> Client:
        home = home_of(self._folder / "known", self._place, account, known=True)
        return Client(home=home, profile=account.name, broker=self._place.address, timeout=PATIENCE)

    async def run(self, stop: asyncio.Event) -> None:
        """Talk until `stop`, then go on listening for ever."""
        for number, client in enumerate(self._clients):
            self._watch(number, client)
            await client.connect()
        following = [asyncio.create_task(self._follow(number)) for number in range(len(self._clients))]
        await asyncio.wait_for(self.all_live.wait(), PATIENCE)
        await asyncio.to_thread(begin)
        threading.Thread(target=_read_stop, args=[asyncio.get_running_loop(), stop], daemon=True).start()
        newcomers = asyncio.create_task(self._newcomers(stop))
        await self._talk(stop)
        tell(event="ended")
        await asyncio.gather(newcomers, *following)

    def _watch(self, number: int, client: Client) -> None:
        def on_state(state: State, _retry_in: float) -> None:
            if state is State.LIVE:
                self._live.add(number)
                if len(self._live) == len(self._clients):
                    self.all_live.set()
            elif state in {State.WAITING, State.ATTACHING} and number in self._live:
                self._live.discard(number)
                tell(event="away", at=time.monotonic())

        client.on_state = on_state

    async def _follow(self, me: int) -> None:
        async for message in self._clients[me].messages():
            words = message.body.split()
            if words[:1] == [self._place.mark] and message.kind == "direct":
                tell(event="shown", number=int(words[1]), by=me, at=time.monotonic())

    async def _talk(self, stop: asyncio.Event) -> None:
        started = time.monotonic()
        number = 0
        while not stop.is_set():
            task = asyncio.create_task(self._say(number))
            self._sending.add(task)
            task.add_done_callback(self._sending.discard)
            number += 1
            await asyncio.sleep(max(0.0, started + number / RATE - time.monotonic()))

    async def _say(self, number: int) -> None:
        count = len(self._clients)
        me = number % count
        other = (me + 1 + number // count % (count - 1)) % count
        body = f"{self._place.mark} {number} and some more words, as people write them to each other"
        tell(event="sent", number=number, by=me, to=other, at=time.monotonic())
        try:
            await self._clients[me].send(self._place.honest[other].name, body)
        except CnMessageError as error:
            tell(event="failed", number=number, at=time.monotonic(), error=str(error))
        else:
            tell(event="acked", number=number, at=time.monotonic())

    async def _newcomers(self, stop: asyncio.Event) -> None:
        number = 0
        while not stop.is_set():
            started = time.monotonic()
            tell(event="new", number=number, at=started)
            with suppress(CnMessageError, TimeoutError):
                await asyncio.wait_for(self._join(), NEWCOMER_PATIENCE)
                tell(event="joined", number=number, at=time.monotonic())
            number += 1
            await asyncio.sleep(max(0.0, started + NEWCOMER_PAUSE - time.monotonic()))

    async def _join(self) -> None:
        """A client that knows no key of the broker, until it is live."""
        account = self._place.newcomer
        live = asyncio.Event()

        def on_state(state: State, _retry_in: float) -> None:
            if state is State.LIVE:
                live.set()

        with tempfile.TemporaryDirectory(dir=self._folder) as folder:
            home = home_of(Path(folder), self._place, account, known=False)
            broker = broker_of(self._place, known=False)
            async with Client(
                home=home, profile=account.name, broker=broker, timeout=NEWCOMER_PATIENCE
            ) as client:
                client.on_state = on_state
                listening = asyncio.create_task(_drain(client.messages()))
                try:
                    await live.wait()
                finally:
                    listening.cancel()
                    await asyncio.gather(listening, return_exceptions=True)


async def _drain(stream: AsyncIterator[Any]) -> None:
    async for _ in stream:
        pass


def _read_stop(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    sys.stdin.readline()
    loop.call_soon_threadsafe(stop.set)


def main(place: Place, settings: dict[str, Any]) -> None:
    """Be the honest users, until the parent ends this process."""
    loop = new_event_loop()
    loop.run_until_complete(Crew(place, Path(settings["folder"])).run(asyncio.Event()))

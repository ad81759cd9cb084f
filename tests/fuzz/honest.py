"""Two honest users beside the attack: a message each second from one to the other; what became of them."""

import asyncio
import itertools
import threading
import time
from contextlib import suppress
from typing import Self

from cnmessage_client import Client, CnMessageError, Home

SENDER, RECEIVER = "alice", "bob"
PERIOD = 1.0
_PATIENCE = 40.0


class Honest:
    """Runs in a thread of its own. Times are monotonic."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), name="honest")
        self._ending = threading.Event()
        self.acknowledged: dict[str, float] = {}
        self.shown: list[str] = []
        self.waits: list[float] = []
        self.failures: list[str] = []
        self.last = time.monotonic()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    def end(self) -> None:
        """Send no more; wait until everything acknowledged was shown, or patience ends."""
        self._ending.set()
        self._thread.join(_PATIENCE)

    @property
    def lost(self) -> list[str]:
        """What was acknowledged and not shown exactly once."""
        return [body for body in self.acknowledged if self.shown.count(body) != 1]

    async def _run(self) -> None:
        sender = Client(home=self._home, profile=SENDER, timeout=_PATIENCE)
        receiver = Client(home=self._home, profile=RECEIVER, timeout=_PATIENCE)
        await asyncio.gather(sender.connect(), receiver.connect())
        following = asyncio.create_task(self._follow(receiver))
        try:
            await self._send_all(sender)
            await self._settle()
        finally:
            following.cancel()
            await asyncio.gather(following, return_exceptions=True)
            for each in (sender, receiver):
                await each.close()

    async def _send_all(self, sender: Client) -> None:
        for number in itertools.count():
            if self._ending.is_set():
                return
            started, body = time.monotonic(), f"honest {number}"
            try:
                await sender.send(RECEIVER, body)
            except CnMessageError as error:
                self.failures.append(f"{body}: {error}")
            else:
                self.last = self.acknowledged[body] = time.monotonic()
                self.waits.append(self.last - started)
            await asyncio.sleep(max(0.0, PERIOD - (time.monotonic() - started)))

    async def _settle(self) -> None:
        deadline = time.monotonic() + _PATIENCE / 4
        while set(self.acknowledged) - set(self.shown) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.05)

    async def _follow(self, receiver: Client) -> None:
        after = 0
        while True:
            with suppress(CnMessageError):
                async for message in receiver.messages(after=after):
                    after = message.seq
                    if message.sender == SENDER:
                        self.shown.append(message.body)
            await asyncio.sleep(0.1)

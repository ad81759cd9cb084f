"""Looks why a broker gives no sign of life: another key, a port that is closed, or nobody there.

With another key than the expected one a handshake never completes, and libzmq tries a port that is closed
without end and without a word: asking over plain TCP beats waiting for a time-out. Pins the key once the
broker has proved to hold it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.link.connection import Connection
from cnmessage_client.link.keyprobe import fetch_key_card
from cnmessage_client.link.reach import DELIVERIES, Obstacle, OutOfReachError, blocked, opens, silence
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.states import State

FIRST_LOOK = 0.3
"""Seconds without a first sign of life after which it is looked why."""

_PAUSE, _LONGEST_PAUSE = 0.4, 5.0
"""Seconds between two looks, twice as many each time. A broker that starts or stops may refuse one."""


class Lookout:
    """Of one client. `fail` ends it; `trouble` is told what the client goes on in spite of."""

    def __init__(
        self,
        known: KnownBrokers,
        connection: Connection,
        fail: Callable[[CnMessageError], None],
        trouble: Callable[[CnMessageError], None],
    ) -> None:
        self._known = known
        self._address = connection.access.address
        self._expected = connection.access.broker_key
        self._connection = connection
        self._fail = fail
        self._trouble = trouble
        self._patient, self._timeout = True, 0.0
        self._ever_live = self._pinned = self._blind = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._deliveries: asyncio.Task[None] | None = None

    def start(self, timeout: float, *, patient: bool) -> None:
        """Watch in the background; a port from which nothing comes for `timeout` seconds is silent.

        A client that is not `patient` ends when the first broker it looks for refuses connections, twice.
        """
        self._timeout, self._patient = timeout, patient
        self._begin(self._watch_links)

    async def stop(self) -> None:
        """End watching; a broker that was heard holds the key, so it is pinned."""
        for each in self._tasks:
            each.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._connection.ever_heard:
            self._pin()

    def moved(self, state: State) -> None:
        """The client's session has another state; in one of them it waits for its first delivery."""
        self._ever_live |= state is State.LIVE
        why = self._connection.trouble
        if state is State.WAITING and why is not None and why.code is ErrorCode.STORAGE:
            self._unable(why)
        if self._deliveries is not None:
            self._deliveries.cancel()
            self._deliveries = None
        if state is State.JOINING:
            self._deliveries = self._begin(self._watch_deliveries)

    def _begin(self, watch: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._watched(watch))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _watched(self, watch: Callable[[], Awaitable[None]]) -> None:
        try:
            await watch()
        except CnMessageError as error:  # this machine cannot even look, as when descriptors are short
            (self._trouble if self._patient else self._fail)(error)

    async def _watch_links(self) -> None:
        while True:  # once for each link: a broker may be replaced while we run
            self._connection.opened.clear()
            if not await self._heard(FIRST_LOOK) and (error := await self._looked()) is not None:
                self._fail(error)
                return
            if self._connection.heard.is_set():
                self._blind = False
                self._pin()
            await self._connection.opened.wait()

    def _pin(self) -> None:
        """A disk that takes no note of the key does not undo what was done at this broker."""
        if not self._pinned:
            self._pinned = True
            try:
                self._known.pin(self._address, self._expected)
            except CnMessageError as error:
                self._trouble(error)

    async def _looked(self) -> CnMessageError | None:
        """What ends the client. A patient one goes on where this machine cannot even look."""
        try:
            return await self._look()
        except CnMessageError as error:
            if not self._patient:
                return error
            self._unable(error)
        return None

    def _unable(self, error: CnMessageError) -> None:
        """This machine lets nothing be opened: said once, until there is a link again."""
        if not self._blind:
            self._blind = True
            self._trouble(error)

    async def _look(self) -> CnMessageError | None:
        """What ends the client; None once there is a sign of life, or another link to look at."""
        connection, pause, refused = self._connection, _PAUSE, 0
        connection.trouble = silence(self._address, 0, self._timeout)
        while not connection.heard.is_set() and not connection.opened.is_set():
            try:
                await opens(self._address, 0, self._timeout)
            except OutOfReachError as error:
                connection.trouble = error
                refused += error.obstacle is not Obstacle.SILENCE
                if refused > 1 and not self._patient and not connection.ever_heard:
                    return error
            else:
                if await self._another_key() and not connection.heard.is_set():
                    return self._known.changed(self._address)
            if not await self._heard(pause):
                pause = min(2 * pause, _LONGEST_PAUSE)
        return None

    async def _another_key(self) -> bool:
        place = self._address.place
        self._connection.trouble = CnMessageError(
            ErrorCode.UNREACHABLE,
            f"no answer from a broker at {place}: something takes connections on port {self._address.port}, "
            "but does not speak as a broker does; is it the right port, is the broker running?",
        )
        try:
            card = await fetch_key_card(self._address, self._timeout, patient=False)
        except CnMessageError:
            return False
        if card.key != self._expected:
            return True
        self._connection.trouble = CnMessageError(
            ErrorCode.UNREACHABLE,
            f"no answer from the broker at {place} in time, although it takes connections: it has too much "
            "to do, or hangs; try again, or ask whoever runs it",
        )
        return False

    async def _watch_deliveries(self) -> None:
        await asyncio.sleep(FIRST_LOOK)
        error = await blocked(self._address, DELIVERIES, self._timeout)
        if error is None:
            return
        if not self._ever_live and not self._patient:
            self._fail(error)
        else:
            self._trouble(error)

    async def _heard(self, seconds: float) -> bool:
        # Not wait_for: in Python 3.11 it may swallow a cancellation, and the watch would never end.
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._connection.heard.wait()
        return self._connection.heard.is_set()

"""The one loop: drain, take turns, dispatch, commit, tick.

A turn reads what is waiting and does work of bounded size, each key in its turn; what is to be stored goes to
the writer, and is answered and published in a later turn, once it is on disk. So the loop never waits for a
disk, and nothing a peer sends can stop it or make it neglect the others.
Knows no verb and no effect.
"""

from collections import deque
from collections.abc import Callable
from functools import partial
from math import ceil

import structlog
import zmq

from cnmessage_broker.between import Lanes
from cnmessage_broker.logs import transitions
from cnmessage_broker.loop import delivery
from cnmessage_broker.loop.answers import Answers
from cnmessage_broker.loop.arrivals import Arrivals, Waiting, stores
from cnmessage_broker.loop.attention import Attention
from cnmessage_broker.loop.commit import HEAVY_ROWS, Commit
from cnmessage_broker.loop.context import Deps
from cnmessage_broker.loop.doorbell import Doorbell
from cnmessage_broker.loop.passwords import PasswordPool
from cnmessage_broker.loop.performer import Performer
from cnmessage_broker.loop.publisher import Publisher
from cnmessage_broker.loop.reception import Reception
from cnmessage_broker.loop.tasks import Tasks
from cnmessage_broker.loop.upkeep import Upkeep
from cnmessage_broker.net.sockets import Sockets
from cnmessage_broker.net.zap import Admission
from cnmessage_broker.store.ports.records import StoreError
from cnmessage_broker.store.threads import StoreThreads
from cnmessage_broker.wakeup import Wakeup
from cnmessage_broker.watchdog import Watchdog
from cnmessage_protocol import deliveries
from cnmessage_protocol.errors import ErrorCode

TURN = 0.003
ROWS = HEAVY_ROWS
"""Seconds of work in a turn, and inbox rows for one commit: what a newcomer may have to wait for."""

PUSHES = 0.001
"""Seconds of a turn in which what was stored is published."""

FAREWELL = 0.5
"""Seconds in which deliveries leave at the end, and then in which everybody is told of it."""

ALONE = 10
"""How many times as much of all these it may be while no light user talks."""

ROW_SECONDS = 1e-5
STEP_SECONDS = 2e-5
"""What an inbox row costs at the commit, and any request at least, in the fair queue's seconds."""

TICK = 0.25
"""Seconds between looks at what time alone brings about."""

_LOOK = 1000
"""Milliseconds between looks at whether the disk still matters, at the end."""


class Reactor:
    """Runs a broker until told to stop."""

    def __init__(
        self,
        sockets: Sockets,
        deps: Deps,
        threads: StoreThreads,
        pool: PasswordPool,
        admission: Admission,
        link: Lanes,
        attention: Attention,
        watchdog: Watchdog,
        descriptors: int,
        log: structlog.typing.FilteringBoundLogger,
    ) -> None:
        self._sockets = sockets
        self._deps = deps
        self._link = link
        self._log = log
        self._trace = transitions(log)
        self._wakeup = Wakeup()
        self._soon: deque[Callable[[], None]] = deque()
        link.to_reactor.wake = self._wakeup.ring
        self._doorbell = Doorbell(
            sockets.deliveries, sockets.delivery_links, deps.listeners, admission.bar, log
        )
        answers = Answers(sockets.requests, sockets.request_links, link, deps.monotonic, log)
        self._arrivals = Arrivals(
            sockets.requests,
            sockets.request_links,
            answers,
            lambda key: deps.directory.device(key) is not None,
            attention,
            deps.monotonic,
            log,
            deps.trail,
        )
        wake = self._wakeup.ring
        self._publisher = Publisher(self._doorbell.publish, deps.monotonic)
        self._commit = Commit(deps, threads.write, answers, self._publisher, link, wake, log)
        self._performer = Performer(deps, answers, self._commit, self._publisher, link, log)
        self._tasks = Tasks(self._performer, self._commit, threads.read, pool, wake)
        self._reception = Reception(deps, admission, self._arrivals.turns, self._tasks, self._performer, log)
        self._upkeep = Upkeep(
            deps,
            self._tasks,
            {"requests": sockets.request_links, "deliveries": sockets.delivery_links},
            watchdog,
            descriptors,
            lambda: self._arrivals.turns.size,
            log,
        )
        self._next_tick = 0.0
        self._more = False
        self._broken = False

    @property
    def failed(self) -> bool:
        """Whether it ended, or must end, because the disk failed."""
        return self._broken or self._performer.failed or self._commit.failed

    @property
    def exhausted(self) -> bool:
        """Whether it ended, or must end, because memory ran out."""
        return self._upkeep.exhausted

    def soon(self, step: Callable[[], None]) -> None:
        """Do something with the next turn; safe from any thread and from a signal handler."""
        self._soon.append(step)
        self._wakeup.ring()

    def stop(self) -> None:
        """Ask the loop to end after its current turn; safe from any thread and from a signal handler."""
        self._deps.stopping = True
        self._wakeup.ring()

    def run(self) -> None:
        """Serve until `stop`; what was accepted is committed and answered before this returns."""
        poller = zmq.Poller()
        mine = self._sockets
        mine.door.register(poller)
        poller.register(mine.requests, zmq.POLLIN)
        for each in (mine.deliveries, mine.request_links, mine.delivery_links):
            each.register(poller)
        poller.register(self._wakeup.fileno(), zmq.POLLIN)
        while not (self._deps.stopping or self.failed or self.exhausted):
            poller.poll(self._pause())
            self._guarded_turn()
        self._deps.stopping = True  # also where memory ran out
        self._guarded_turn()
        self._settle()
        farewell = {"reason": str(ErrorCode.SHUTDOWN)}
        self._publisher.put(delivery.notices(self._deps.listeners, deliveries.Closed.KIND, farewell))
        self._publisher.last(FAREWELL)
        self._deps.trail.tell(self._trace)

    def _settle(self) -> None:
        """Wait for what is on its way to the disk, and answer it."""
        poller = zmq.Poller()
        poller.register(self._wakeup.fileno(), zmq.POLLIN)
        while self._commit.busy and not self.failed:
            self._commit.run()
            poller.poll(_LOOK)
            self._wakeup.drain()
            self._guarded(self._go_on)
        self._publisher.last(FAREWELL)

    def _pause(self) -> int:
        """Milliseconds until there is something to do even if nobody comes."""
        mine = self._sockets
        if self._more or self._tasks or self._publisher or self._upkeep.news.telling:
            return 0
        if mine.deliveries.waiting() or mine.delivery_links.waiting():
            return 0
        now = self._deps.monotonic()
        door, turns = self._sockets.door, self._arrivals.turns
        waits = [self._next_tick - now, turns.wait(now), door.wait(), self._commit.wait(now)]
        return max(0, ceil(min(each for each in waits if each is not None) * 1000))

    def close(self) -> None:
        """Release what the loop itself holds."""
        self._tasks.close()
        self._wakeup.close()

    def _guarded_turn(self) -> None:
        self._guarded(self.turn)

    def _guarded(self, step: Callable[[], None]) -> None:
        try:
            step()
        except StoreError as error:
            self._log.error("the store failed", error=str(error))
            self._broken = True

    def _go_on(self) -> None:
        """Take up what the threads have done: one thing of the writer's, and what follows from it, before the
        next, so that the order in which it was done holds.
        """
        if self._commit.finish():
            self._arrivals.unpark(self._deps.monotonic())
        longer = 1 if self._arrivals.turns.company(self._deps.monotonic()) else ALONE
        self._publisher.bite(PUSHES * longer)
        self._tasks.go_on()

    def turn(self) -> None:
        """One round: what is on disk is answered, what waits is read, some of it done and handed over."""
        now = self._deps.monotonic()
        self._wakeup.drain()
        while self._soon:
            self._soon.popleft()()
        for links in (self._sockets.request_links, self._sockets.delivery_links):
            links.drain(now)
        self._go_on()
        for hello in self._doorbell.drain(self._deps.directory, now):
            self._doorbell.publish(hello, now)  # the first of its listener, whatever waits
        self._more = True
        for beat in self._arrivals.drain():
            if beat is None:
                self._more = False
            else:
                self._reception.request(beat)
        self._sockets.door.drain()
        for ask in self._link.to_reactor.take():
            self._arrivals.ask(ask, now)
        self._serve()
        now = self._deps.monotonic()
        if now >= self._next_tick:
            self._next_tick = now + TICK
            self._performer.perform(None, self._upkeep.look(now))
            self._link.pressed = self._deps.pressed
        self._performer.perform(None, self._upkeep.news.bite())
        self._commit.run()
        self._deps.trail.tell(self._trace)

    # -- taking turns -----------------------------------------------------------------------------

    def _serve(self) -> None:
        """Do what waits, each key in its turn, until the turn has taken long enough."""
        monotonic, turns = self._deps.monotonic, self._arrivals.turns
        now = monotonic()
        longer = 1 if turns.company(now) else ALONE
        ends, rows_at_most = now + TURN * longer, ROWS * longer
        self._commit.heavy_rows = rows_at_most
        self._arrivals.come_back(now)
        heavy = False
        while (taken := self._arrivals.take(now)) is not None:
            key, item, size = taken
            if stores(item) and self._rows_beside(key) >= rows_at_most:
                self._arrivals.park(key, item, size, now)
                continue
            heavy = heavy or turns.heavy
            started, rows = now, self._commit.rows
            task = self._reception.receive(key, item)
            now = monotonic()
            written = max(0, self._commit.rows - rows)
            cost = max(STEP_SECONDS, now - started) + written * ROW_SECONDS
            if task is None or task.done:
                self._arrivals.served(key, item, cost, now)
            else:
                task.ended = partial(self._served, key, item, cost)
            if now > ends:
                break
        self._commit.run()
        if heavy:
            after = monotonic()
            turns.rest(after - ends + TURN * longer, after)

    def _rows_beside(self, key: str) -> int:
        """Inbox rows that a message of who was taken last would go to the disk with."""
        device = self._deps.directory.device(key)
        owner = None if device is None else device.account
        return self._commit.rows_beside(owner, heavy=self._arrivals.turns.heavy)

    def _served(self, key: str, item: Waiting, cost: float, elsewhere: float) -> None:
        """What a key wanted is done, after so many seconds of work on other threads too."""
        self._arrivals.served(key, item, cost + elsewhere, self._deps.monotonic())

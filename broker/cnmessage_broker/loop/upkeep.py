"""What time alone brings about: who fell silent, what expired, who came and went, whether memory is short.

Gives effects, as a handler does.
"""

import os
from collections.abc import Callable, Iterable, Mapping

import structlog

from cnmessage_broker import health
from cnmessage_broker.loop import dispatch
from cnmessage_broker.loop.context import Deps
from cnmessage_broker.loop.effects import Effect, MarkPresence
from cnmessage_broker.loop.handlers.expiry import sweep
from cnmessage_broker.loop.listeners import Event
from cnmessage_broker.loop.news import News
from cnmessage_broker.loop.tasks import Task, Tasks
from cnmessage_broker.net.links import Links
from cnmessage_broker.net.tcp import reserve_of
from cnmessage_broker.watchdog import Pressure, Watchdog, give_back, memory_used

SWEEP_INTERVAL = 10.0
UNREAD_PRESSED = 16 << 20
"""Bytes that all clients of a port may leave unread even when memory is short."""


class Upkeep:
    """`links` are the connections to look after, by port, `descriptors` how many there may be.

    `waiting()` and `used()` give bytes: of requests that wait, and of memory in use.
    """

    def __init__(
        self,
        deps: Deps,
        tasks: Tasks,
        links: Mapping[str, Links],
        watchdog: Watchdog,
        descriptors: int,
        waiting: Callable[[], int],
        log: structlog.typing.FilteringBoundLogger,
        used: Callable[[], int] = memory_used,
    ) -> None:
        self.exhausted = False
        """Whether so much memory is used that the broker must end, to start anew."""
        self.news = News(deps.listeners)
        """Who came and went; it is begun here, and told in bites."""
        self._deps = deps
        self._tasks = tasks
        self._links = links
        self._watchdog = watchdog
        self._descriptors = descriptors
        self._waiting = waiting
        self._log = log
        self._used = used
        self._next_sweep = 0.0
        self._sweep: Task | None = None
        self._next_report = 0.0
        self._short = False

    def look(self, now: float) -> Iterable[Effect]:
        """One look; `now` as of the monotonic clock."""
        for links in self._links.values():
            links.look(now)
        self._look_at_memory(now)
        if now >= self._next_report:
            self._next_report = now + health.INTERVAL
            self._report()
        yield from self._expire()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_INTERVAL
            if self._sweep is None or self._sweep.done:
                self._sweep = Task(dispatch.guarded(sweep(self._deps)), "sweep", line=dispatch.FILES)
                self._tasks.start(self._sweep)
        self.news.look(now)

    def _report(self) -> None:
        """Write down how the broker is; a shortage of descriptors is logged when it begins."""
        held = health.descriptors_used(self._descriptors)
        short = any(links.full for links in self._links.values())
        short = short or held > self._descriptors - reserve_of(self._descriptors) // 2
        if short and not self._short:
            self._log.error("descriptors ran short", used=held, limit=self._descriptors)
        self._short = short
        troubles = ["descriptors are short: raise the limit of open files"] if short else []
        if self._deps.pressed:
            troubles.append("memory is short: queues are dropped and no listeners taken")
        report = health.Health(
            self._deps.wall(),
            os.getpid(),
            len(self._deps.listeners),
            {port: len(links) for port, links in self._links.items()},
            held,
            self._descriptors,
            self._used(),
            self._watchdog.limit,
            self._waiting(),
            sum(links.unread for links in self._links.values()),
            troubles,
            self._deps.config.host,
            self._deps.config.port,
        )
        health.write(self._deps.config.data, report)

    def _expire(self) -> Iterable[Effect]:
        listeners = self._deps.listeners
        for listener in listeners.expired(self._deps.listened()):
            self._log.info("user is silent", user=listener.name)
            if listeners.remove(listener, Event.SILENT):
                yield MarkPresence(listener.owner, online=False)

    def _look_at_memory(self, now: float) -> None:
        before, used = self._watchdog.pressure, self._used()
        pressure = self._watchdog.look(used)
        self._deps.pressed = pressure is not Pressure.NONE
        if pressure is Pressure.NONE:
            return
        if before is not pressure:
            self._log.error("memory is short", used=used, limit=self._watchdog.limit)
        for links in self._links.values():
            links.look_at_all(now)
            links.shed(max(UNREAD_PRESSED, links.unread // 2), now)
        give_back()
        # What was let go needs a moment to be free: only what lasts is the end.
        self.exhausted = before is pressure is Pressure.HARD

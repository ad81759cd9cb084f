"""What time alone brings about: who fell silent, what expired, who came and went, whether memory is short.

Called by the reactor a few times a second; gives effects, as a handler does.
"""

from collections.abc import Callable, Iterable

import structlog

from cnmessage_broker import delivery, dispatch
from cnmessage_broker.context import Deps
from cnmessage_broker.effects import Effect, Presence
from cnmessage_broker.handlers.expiry import sweep
from cnmessage_broker.links import Links
from cnmessage_broker.watchdog import Pressure, Watchdog, give_back, memory_used
from cnmessage_protocol import deliveries

PRESENCE_INTERVAL = 1.0
SWEEP_INTERVAL = 10.0
_MAX_NEWS = 1024


class Upkeep:
    """`links` are the connections to look after; `used()` gives bytes of memory in use."""

    def __init__(
        self,
        deps: Deps,
        links: Iterable[Links],
        watchdog: Watchdog,
        log: structlog.typing.FilteringBoundLogger,
        used: Callable[[], int] = memory_used,
    ) -> None:
        self.exhausted = False
        """Whether so much memory is used that the broker must end, to start anew."""
        self._deps = deps
        self._links = tuple(links)
        self._watchdog = watchdog
        self._log = log
        self._used = used
        self._next_presence = 0.0
        self._next_sweep = 0.0

    def look(self, now: float) -> Iterable[Effect]:
        """One look; `now` as of the monotonic clock."""
        for links in self._links:
            links.look(now)
        self._look_at_memory(now)
        yield from self._expire()
        if now >= self._next_sweep:
            self._next_sweep = now + SWEEP_INTERVAL
            yield from dispatch.guarded(lambda: sweep(self._deps))
        if now >= self._next_presence:
            self._next_presence = now + PRESENCE_INTERVAL
            yield from self._news()

    def _expire(self) -> Iterable[Effect]:
        attachments = self._deps.attachments
        for attachment in attachments.expired(self._deps.listened()):
            self._log.info("user is silent", user=attachment.name)
            if attachments.remove(attachment):
                yield Presence(attachment.owner, online=False)

    def _news(self) -> Iterable[Effect]:
        attachments = self._deps.attachments
        news = attachments.take_changes()
        for start in range(0, len(news), _MAX_NEWS):
            values = {"changes": news[start : start + _MAX_NEWS]}
            yield from delivery.notices(attachments, deliveries.Presence.KIND, values)

    def _look_at_memory(self, now: float) -> None:
        before, used = self._watchdog.pressure, self._used()
        pressure = self._watchdog.look(used)
        self._deps.pressed = pressure is not Pressure.NONE
        if pressure is Pressure.NONE:
            return
        if before is not pressure:
            self._log.error("memory is short", used=used, limit=self._watchdog.limit)
        for links in self._links:
            links.look_at_all(now)
            links.shed(links.unread // 2, now)
        give_back()
        self.exhausted = pressure is Pressure.HARD and self._watchdog.look(self._used()) is Pressure.HARD

"""Machine: a client's life with its broker: connect, attach, catch up, live, lost, again.

Takes what came and the time; returns effects, which client/connection.py carries out. Resends what was not
answered under the same ids, so that a broken link costs time and nothing else. Knows no socket, no clock.

    CLOSED → ATTACHING → JOINING → CATCHING_UP → LIVE      with deliveries
    CLOSED → READY                                         requests only, as one-shot commands need
    any of them, when the link is silent too long → WAITING → ATTACHING or READY
"""

from collections.abc import Callable, Iterable
from typing import Any

from cnmessage_protocol.deliveries import (
    Closed,
    Delivery,
    FileState,
    Hello,
    Items,
    OfferState,
    Presence,
    UnknownDelivery,
)
from cnmessage_protocol.envelope import Reply
from cnmessage_protocol.errors import ErrorCode, NoProgressError, ProtocolError, RequestError
from cnmessage_protocol.machines.calls import Calls
from cnmessage_protocol.machines.composure import LOGGED_OUT, Composure
from cnmessage_protocol.machines.effects import (
    CloseLink,
    Effect,
    End,
    FileNews,
    Listen,
    OfferNews,
    OpenLink,
    PresenceNews,
    Resolve,
    StateChanged,
    Transmit,
    UnknownNews,
)
from cnmessage_protocol.machines.inbox import HandOver, Inbox, InboxEffect, RequestItems, Stuck
from cnmessage_protocol.machines.liveness import EARLY_BEAT, Liveness
from cnmessage_protocol.machines.readmark import Reading
from cnmessage_protocol.machines.sendqueue import SendQueue
from cnmessage_protocol.machines.states import DOWN, FETCHING, TRANSITIONS, Event, State
from cnmessage_protocol.records import NewMessage, UnknownItem
from cnmessage_protocol.requests import Ack, Attach, Beat, Detach, Request, Send, Sync
from cnmessage_protocol.results import Attached, Page, Pulse, ReadMark, Sent
from cnmessage_protocol.trace import Trail

MOST_KINDS = 16
"""Kinds of deliveries to come that an application is told of, each once: they may come often."""


class Session:
    """One client's session. `jitter` gives numbers from 0 to 1 for the backoff."""

    def __init__(
        self, jitter: Callable[[], float], *, deliveries: bool = False, trail: Trail | None = None
    ) -> None:
        self.state = State.CLOSED
        self.trail = trail or Trail()
        """What this machine and those inside it do."""
        self.inbox: Inbox | None = None
        self.queue = SendQueue(self.trail)
        self.attached: Attached | None = None
        self.version = 0
        """The latest version of the protocol that the broker speaks; 0 until it has said so."""
        self.capabilities: frozenset[str] = frozenset()
        """What the broker may be asked for, in its own words; empty until it has said so."""
        self.unknown = 0
        """Inbox items and deliveries that this version cannot show."""
        self._kinds: set[str] = set()
        self._composure = Composure(jitter, self.trail)
        self._deliveries = deliveries
        self._liveness = Liveness(0.0)
        self._calls = Calls()
        self._retry_at = self._join_by = 0.0
        self._beat_cursor = 0
        self._read = Reading()
        self._epoch: bytes | None = None

    # -- what the application wants ---------------------------------------------------------------

    def open(self, now: float) -> list[Effect]:
        """Connect, or connect again."""
        self._move(Event.OPEN_FOR_DELIVERIES if self._deliveries else Event.OPEN_FOR_REQUESTS)
        self._liveness.heard_at = now
        attach = self._attach(now) if self._deliveries else []
        return [OpenLink(), *attach, StateChanged(self.state), *self._repeat(now)]

    def follow(self, now: float, cursor: int | None = None) -> list[Effect]:
        """Ask for deliveries above `cursor`, or above what is read when None."""
        self._deliveries = True
        if cursor is not None and self.inbox is None:
            self.inbox = Inbox(cursor, self.trail)
        if self.state is not State.READY:
            return []
        self._move(Event.OPEN_FOR_DELIVERIES)
        self._liveness.heard_at = now  # nothing was expected while READY: silence starts to count here
        return [*self._attach(now), StateChanged(self.state)]

    def request(self, now: float, request: Request) -> tuple[int, list[Effect]]:
        """Make a request, repeated until answered or forgotten; its Answer carries the id returned here."""
        transmit = self._calls.open(now, self._calls.asked, request)
        return transmit.request_id, [] if self.state in DOWN else self._transmit(now, transmit)

    def forget(self, request_id: int) -> None:
        """The application stopped waiting for this answer."""
        self._calls.asked.pop(request_id, None)

    def submit(self, now: float, messages: Iterable[NewMessage]) -> list[Effect]:
        """Send messages; each is settled exactly once."""
        self.queue.submit(messages)
        return self._pump(now)

    def mark_read(self, now: float, upto: int) -> list[Effect]:
        """The application has shown or stored everything up to `upto`."""
        self._read.raise_to(upto)
        return self._acknowledge(now)

    def pause(self, now: float, *, paused: bool) -> list[Effect]:
        """The application cannot take more items for now, or can again."""
        if self.inbox is None:
            return []
        return self._inbox_effects(now, self.inbox.pause(now, paused=paused))

    def cut(self, now: float, pause: float | None = None) -> list[Effect]:
        """Break the link as a network fault would; stay away for `pause` seconds, or as after any loss."""
        if self.state in DOWN:
            return []
        return self._lose(now, pause, "cut")

    def close(self, now: float) -> list[Effect]:
        """Leave: give up the listener and the link."""
        return self._leave(now, "")

    def _leave(self, now: float, cause: object) -> list[Effect]:
        effects: list[Effect] = []
        if self.attached is not None:
            last = [Ack(self._read.wanted)] if self._read.due else []
            for each in (*last, Detach(self.attached.listener)):
                effects += self._call(now, each)
        self._move(Event.CLOSE, cause)
        self._interrupt()
        return [*effects, CloseLink(flush=True), StateChanged(self.state)]

    # -- what the link brings ---------------------------------------------------------------------

    def replied(self, now: float, reply: Reply) -> list[Effect]:
        """A reply came on the request channel."""
        self._liveness.heard(now)
        closed = self._calls.close(reply)
        if closed is None:
            return []
        mine, request, answer = closed
        if self.state is State.READY:
            self._composure.answered()
        if mine:
            return [answer]
        if answer.error is not None:
            return self._refused(now, request, answer.error)
        return self._accepted(now, request, answer.result)

    def delivered(self, now: float, delivery: Delivery) -> list[Effect]:
        """A delivery was opened."""
        self._liveness.heard(now)
        match delivery:
            case Items(items) if self.inbox is not None:
                return self._inbox_effects(now, self.inbox.pushed(now, items))
            case Hello(head) if self.inbox is not None and self.state is State.JOINING:
                self._move(Event.HELLO, f"head {head}")
                self._composure.joined(now)
                self.inbox.head_reported(now, head)
                wanted = self.inbox.ask_now() if self.inbox.behind else []
                return [StateChanged(self.state), *self._inbox_effects(now, wanted)]
            case Presence(changes):
                return [PresenceNews(changes)]
            case FileState():
                return [FileNews(delivery)]
            case OfferState():
                return [OfferNews(delivery)]
            case UnknownDelivery(kind):
                return self._unknown_kind(kind)
            case Closed(reason) if self.attached is not None:
                if reason == ErrorCode.UNAUTHENTICATED:
                    return self._end(now, RequestError(ErrorCode.UNAUTHENTICATED, LOGGED_OUT))
                if reason == ErrorCode.SHUTDOWN:
                    return self._lose(now, None, "shutdown")
                return self._disowned(now, "closed")
        return []

    def tick(self, now: float) -> list[Effect]:
        """Time passed."""
        if self.state is State.CLOSED:
            return []
        if self.state is State.WAITING:
            return self.open(now) if now >= self._retry_at else []
        if self._expects_traffic and now > self._silent_at:
            self.trail.note(
                "liveness", "heard", "expired", "silent", f"{now - self._liveness.heard_at:.1f} s"
            )
            return self._lose(now, None, "silence")
        effects: list[Effect] = []
        if self.state is State.JOINING and now >= self._join_by:
            # The hello was lost, or the broker would not grant this subscription: subscribe anew.
            self._join_by = now + self._composure.joining()
            self.trail.note("session", self.state, "no hello", self.state, "listen")
            effects += self._listen()
        if self.inbox is not None and self.state in FETCHING:
            effects += self._inbox_effects(now, self.inbox.tick(now))
        effects += [*self._repeated(now), *self._beat(now)]
        return [*effects, *self._acknowledge(now), *self._pump(now)]

    @property
    def deadline(self) -> float | None:
        """When `tick` has something to do at the latest, or None."""
        if self.state is State.CLOSED:
            return None
        if self.state is State.WAITING:
            return self._retry_at
        due = (
            self.queue.deadline,
            self._calls.deadline,
            self._silent_at if self._expects_traffic else None,
            self._join_by if self.state is State.JOINING else None,
            self._liveness.deadline if self.attached is not None else None,
            self.inbox.deadline if self.inbox is not None and self.state in FETCHING else None,
            self._composure.ack_at if self._read.due and not self._calls.outstanding(Ack) else None,
        )
        return min((each for each in due if each is not None), default=None)

    # -- inner moves ------------------------------------------------------------------------------

    @property
    def _silent_at(self) -> float:
        """After when silence has lasted too long; a new link may be slow at first."""
        began = self.state in {State.ATTACHING, State.JOINING}
        return self._liveness.heard_at + (self._composure.patience if began else self._liveness.expiry)

    @property
    def _expects_traffic(self) -> bool:
        return self.state is not State.READY or len(self._calls) > 0

    def _move(self, event: Event, cause: object = "") -> None:
        before = self.state
        try:
            self.state = TRANSITIONS[before, event]
        except KeyError:
            raise ProtocolError(f"a session that is {before.value} cannot be {event.value}") from None
        self.trail.note("session", before, event, self.state, cause)

    def _repeated(self, now: float) -> list[Transmit]:
        late = self._calls.overdue(now)
        for each in late:
            self.trail.note("request", "asked", "overdue", "asked", each.request.VERB, str(each.request_id))
        return late

    def _repeat(self, now: float) -> list[Effect]:
        return [*self._calls.repeat(now), *self._acknowledge(now), *self._pump(now)]

    def _attach(self, now: float) -> list[Effect]:
        cursor = None if self.inbox is None else self.inbox.cursor
        return self._call(now, Attach(cursor, self._epoch))

    def _listen(self) -> list[Effect]:
        at = self.attached
        return [] if at is None else [Listen(at.deliveries, at.listener, at.key)]

    def _accepted(self, now: float, request: Request, result: Any) -> list[Effect]:
        match result:
            case Attached():
                return self._joined(now, result)
            case Pulse(head, epoch, _) if self.inbox is not None:
                if epoch != self._epoch:
                    return self._disowned(now, "epoch")
                return self._inbox_effects(now, self.inbox.head_reported(now, head))
            case Page(items, head, more) if self.inbox is not None:
                self._composure.fetched()
                return self._inbox_effects(now, self.inbox.page(now, items, head, more=more))
            case Sent():
                outcomes = self.queue.answered(now, result)
                return [*self._pump(now), Resolve(outcomes)]  # the next batch travels meanwhile
            case ReadMark() if type(request) is Ack:
                self._composure.ack_taken()
                self._read.confirm(request.upto)
                return self._acknowledge(now)
        return []

    def _refused(self, now: float, request: Request, error: RequestError) -> list[Effect]:
        if error.code is ErrorCode.UNAUTHENTICATED and type(request) is not Send:
            return self._end(now, error)
        match request:
            case Send() if error.code is ErrorCode.UNAUTHENTICATED and self.queue.in_doubt:
                self.queue.interrupted()  # it was logged in when they went out first
                return self._end(now, error)
            case Send():
                if outcomes := self.queue.failed(now, error):
                    return [Resolve(outcomes), *self._pump(now)]
            case Attach():
                if error.retryable:
                    return self._lose(now, None, error.code)
                return self._end(now, error)
            case Beat() if error.code is ErrorCode.NOT_ATTACHED:
                return self._disowned(now, error.code)
            case Sync() if self.inbox is not None and error.retryable:
                self.inbox.ask_failed(now, self._composure.fetch_failed())
            case Sync():
                return self._end(now, error)
            case Ack():
                self._composure.ack_refused(now)
        return []

    def _joined(self, now: float, attached: Attached) -> list[Effect]:
        if self.state is not State.ATTACHING:
            return []
        self._move(Event.ATTACHED, f"head {attached.head}")
        cursor = attached.read_upto if self.inbox is None else self.inbox.cursor
        restored = self._epoch not in {None, attached.epoch} or attached.head < cursor
        self.inbox = self.inbox or Inbox(attached.read_upto, self.trail)
        if restored:
            self.inbox.restored(min(attached.read_upto, attached.head))
        self._read.attached(attached.read_upto, restored=restored)
        self.attached, self._epoch = attached, attached.epoch
        self.version, self.capabilities = attached.version, frozenset(attached.capabilities)
        self._liveness.agreed(now, attached.heartbeat / 1000, attached.expiry / 1000)
        self._beat_cursor = self.inbox.cursor
        self._join_by = now + self._composure.joining()
        self.inbox.head_reported(now, attached.head)
        return [*self._listen(), StateChanged(self.state)]

    def _disowned(self, now: float, cause: object) -> list[Effect]:
        """The broker does not know our listener: it was restarted, or we were silent too long."""
        if (self.state, Event.DISOWNED) not in TRANSITIONS:
            return []
        if (pause := self._composure.disowned(now)) is not None:
            return self._lose(now, pause, cause)
        self._interrupt()
        self._move(Event.DISOWNED, cause)
        return [*self._attach(now), StateChanged(self.state), *self._repeat(now)]

    def _lose(self, now: float, pause: float | None, cause: object) -> list[Effect]:
        self._interrupt()
        self._move(Event.LOST, cause)
        wait = self._composure.lost(now) if pause is None else pause
        self._retry_at = now + wait
        return [CloseLink(), StateChanged(self.state, wait)]

    def _end(self, now: float, error: RequestError) -> list[Effect]:
        return [*self._leave(now, error.code), End(error)]

    def _interrupt(self) -> None:
        self.attached = None
        self._calls.own.clear()
        self.queue.interrupted()
        if self.inbox is not None:
            self.inbox.interrupted()

    def _beat(self, now: float) -> list[Effect]:
        if self.attached is None or self.inbox is None or not self._liveness.beat_due(now):
            return []
        self._beat_cursor = self.inbox.cursor
        self._calls.keep_latest(Beat)
        return self._call(now, Beat(self.attached.listener, self.inbox.cursor))

    def _acknowledge(self, now: float) -> list[Effect]:
        due = self._read.due and now >= self._composure.ack_at and not self._calls.outstanding(Ack)
        return self._call(now, Ack(self._read.wanted)) if due else []

    def _pump(self, now: float) -> list[Effect]:
        if self.state in DOWN:
            return []
        batch = self.queue.next_batch(now)
        return self._call(now, Send(batch)) if batch else []

    def _unknown_kind(self, kind: str) -> list[Effect]:
        self.unknown += 1
        if kind in self._kinds or len(self._kinds) == MOST_KINDS:
            return []
        self._kinds.add(kind)
        return [UnknownNews(kind)]

    def _inbox_effects(self, now: float, wanted: Iterable[InboxEffect]) -> list[Effect]:
        effects: list[Effect] = []
        for each in wanted:
            match each:
                case HandOver(items):
                    self.unknown += sum(type(item) is UnknownItem for item in items)
                    effects.append(each)
                case RequestItems(after):
                    effects += self._call(now, Sync(after))
                case Stuck(text):
                    return self._end(now, NoProgressError(text))
        if self.inbox is not None and self.inbox.cursor - self._beat_cursor >= EARLY_BEAT:
            self._liveness.beat_at = now
            effects += self._beat(now)
        if (
            self.state is State.CATCHING_UP
            and not (self.inbox and self.inbox.behind)
            and not self._calls.outstanding(Sync)
        ):
            self._move(Event.CAUGHT_UP, f"seq {self.inbox.cursor if self.inbox else 0}")
            effects.append(StateChanged(self.state))
        return effects

    def _call(self, now: float, request: Request) -> list[Effect]:
        if self.state in DOWN:
            return []
        return self._transmit(now, self._calls.open(now, self._calls.own, request))

    def _transmit(self, now: float, transmit: Transmit) -> list[Effect]:
        if self.state is State.READY and len(self._calls) == 1:
            self._liveness.heard_at = now  # nobody was waiting: silence starts to count here
        return [transmit]

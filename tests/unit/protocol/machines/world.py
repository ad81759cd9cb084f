"""A world for one session in virtual time: a model broker, faulty links, an application that keeps a journal.

Written to be seen correct: the broker forgets its listeners when it restarts and nothing else.
"""

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from cnmessage_protocol.conversation import Direct
from cnmessage_protocol.deliveries import PUSH_ITEMS, Delivery, Hello, Items
from cnmessage_protocol.envelope import VERSION, Reply, pack_result, unpack_reply
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.machines.effects import (
    Answered,
    CloseLink,
    Effect,
    End,
    Listen,
    OpenLink,
    Resolve,
    StateChanged,
    Transmit,
)
from cnmessage_protocol.machines.inbox import HandOver
from cnmessage_protocol.machines.liveness import EXPIRY
from cnmessage_protocol.machines.sendqueue import Acked, Refused
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.records import MAX_BODY, Direction, InboxItem, Item, Kind, NewMessage
from cnmessage_protocol.requests import Ack, Attach, Beat, Detach, Request, Send, Sync, Users
from cnmessage_protocol.results import (
    CAPABILITIES,
    MAX_MESSAGES,
    Attached,
    Done,
    ListedUser,
    Page,
    Pulse,
    ReadMark,
    Sent,
    UserList,
    result_values,
)
from cnmessage_protocol.testing import FakeClock, Fate, NetworkPath, Recorder, calm

ALICE, BOB, NOBODY = UserName("alice"), UserName("bob"), UserName("nobody")
EPOCH = bytes(16)
PAGE = 20
STEP = 0.001


def number_id(number: int) -> bytes:
    """An id of 16 bytes."""
    return number.to_bytes(16, "big")


class ModelBroker:
    """Stores what alice sends and what bob writes to her; answers requests, gives pushes."""

    def __init__(self) -> None:
        self.inbox: list[InboxItem] = []
        self.stored: dict[bytes, tuple[NewMessage, bytes, int]] = {}
        self.read_upto = 0
        self.busy = False
        self.listeners: dict[bytes, float] = {}
        self.granted: set[bytes] = set()
        self._topics = 0

    def restart(self) -> None:
        """What lived in memory only is gone."""
        self.listeners.clear()
        self.granted.clear()

    def write(self, sender: UserName, body: str, client_id: bytes | None = None) -> InboxItem:
        """Store one more item in alice's inbox."""
        direction = Direction.RECEIVED if client_id is None else Direction.SENT
        seq = len(self.inbox) + 1
        own = None if client_id is None else ClientId(client_id)
        item = InboxItem(seq, direction, MessageId(number_id(seq)), Kind.DIRECT, sender, (BOB,), 0, body, own)
        self.inbox.append(item)
        return item

    def subscribe(self, now: float, topic: bytes) -> bool:
        """Grant a topic to its listener."""
        self._expire(now)
        if topic in self.listeners:
            self.granted.add(topic)
        return topic in self.listeners

    def handle(self, now: float, request: Request) -> tuple[Any, list[InboxItem]]:
        """The answer, and what is new in the inbox; RequestError for a refusal."""
        self._expire(now)
        head = len(self.inbox)
        fresh: list[InboxItem] = []
        match request:
            case Attach():
                self._topics += 1
                topic = number_id(self._topics)
                self.listeners[topic] = now
                return Attached(
                    ALICE,
                    EPOCH,
                    head,
                    self.read_upto,
                    topic,
                    bytes(32),
                    1000,
                    3000,
                    12417,
                    MAX_BODY,
                    MAX_MESSAGES,
                    VERSION,
                    CAPABILITIES,
                ), []
            case Detach(listener):
                self.listeners.pop(listener, None)
                return Done(), []
            case Beat(listener, _):
                if listener not in self.listeners:
                    raise RequestError(ErrorCode.NOT_ATTACHED, "attach again")
                self.listeners[listener] = now
                return Pulse(head, EPOCH, self.read_upto), []
            case Sync(after, limit):
                items = tuple(self.inbox[after : after + min(limit, PAGE)])
                return Page(items, head, after + len(items) < head), []
            case Ack(upto):
                self.read_upto = max(self.read_upto, min(upto, head))
                return ReadMark(self.read_upto), []
            case Send(messages):
                if self.busy:
                    raise RequestError(ErrorCode.BUSY, "not now")
                sent = Sent(*self._store(messages, fresh))
                return sent, fresh
            case Users():
                return UserList((ListedUser(ALICE, True, None),), more=False), []
            case _:
                raise AssertionError(f"a session does not ask {request}")

    def _store(self, messages: Iterable[NewMessage], fresh: list[InboxItem]) -> tuple[Any, Any]:
        acks, refused = [], []
        for message in messages:
            if Direct(NOBODY) in message.to:
                refused.append((message.client_id, "no_such_user", "there is no user 'nobody'"))
                continue
            if message.client_id not in self.stored:
                item = self.write(ALICE, str(message.body), message.client_id)
                fresh.append(item)
                self.stored[message.client_id] = (message, item.id, item.seq)
            known, identity, seq = self.stored[message.client_id]
            assert known == message, "a client_id stands for one content only"
            acks.append((message.client_id, identity, seq, 1))
        return tuple(acks), tuple(refused)

    def _expire(self, now: float) -> None:
        self.listeners = {topic: at for topic, at in self.listeners.items() if now - at <= EXPIRY}
        self.granted &= self.listeners.keys()


class World:
    """One session, its links and its application."""

    def __init__(self, *, lossy_requests: bool) -> None:
        self.clock = FakeClock()
        self.broker = ModelBroker()
        self.session = Session(lambda: 0.5, deliveries=True)
        self.journal = Recorder()
        self.weather: deque[Fate] = deque()
        self.up = True
        self.linked = False
        self.topic: bytes | None = None
        requests: Callable[[], Fate] = self._fate if lossy_requests else calm
        self.requests: NetworkPath[tuple[int, Request]] = NetworkPath(requests)
        self.replies: NetworkPath[Reply] = NetworkPath(requests)
        self.subscriptions: NetworkPath[bytes] = NetworkPath(self._fate)
        self.pushes: NetworkPath[tuple[bytes, Delivery]] = NetworkPath(self._fate)
        self._links: tuple[NetworkPath[Any], ...] = (
            self.requests,
            self.replies,
            self.subscriptions,
            self.pushes,
        )
        self.perform(self.session.open(0.0))

    @property
    def shown(self) -> list[Item]:
        """Every item the application was given."""
        return [item for show in self.journal.of(HandOver) for item in show.items]

    @property
    def settled(self) -> list[Acked | Refused]:
        """Every outcome of a submitted message."""
        return [outcome for settle in self.journal.of(Resolve) for outcome in settle.outcomes]

    def perform(self, effects: Iterable[Effect]) -> None:
        """Carry out what the session wants, as a connection would."""
        for effect in effects:
            self.journal(effect)
            match effect:
                case OpenLink():
                    self._cut(linked=True)
                case CloseLink(flush):
                    flushed = self.requests.arrived(float("inf")) if flush and self.up else []
                    self._cut(linked=False)
                    for request_id, request in flushed:
                        self._answer(request_id, request)
                    self.replies.cut()
                case Transmit(request_id, request):
                    assert self.linked, "a request needs a link"
                    self.requests.send(self.clock.now, (request_id, request))
                case Listen(_, topic, _):
                    self.pushes.cut()
                    self.topic = topic
                    self.subscriptions.send(self.clock.now, topic)
                case StateChanged() | Answered() | Resolve() | HandOver() | End():
                    continue

    def write(self, bodies: Iterable[str]) -> None:
        """Bob writes to alice."""
        self.push([self.broker.write(BOB, body) for body in bodies])

    def push(self, items: list[InboxItem]) -> None:
        """Push new items to every granted listener."""
        for topic in sorted(self.broker.granted):
            for start in range(0, len(items), PUSH_ITEMS):
                delivery = Items(tuple(items[start : start + PUSH_ITEMS]))
                self.pushes.send(self.clock.now, (topic, delivery))

    def restart_broker(self) -> None:
        """The broker is killed and started: listeners and everything under way are lost."""
        self.broker.restart()
        for link in self._links:
            link.cut()

    def blink(self) -> None:
        """The connection breaks and the socket connects again by itself: the session is not told."""
        self.requests.cut()
        self.replies.cut()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        end = self.clock.now + seconds
        while self.clock.now < end:
            moments = [link.next_arrival for link in self._links] + [self.session.deadline]
            due = min((each for each in moments if each is not None), default=end)
            now = self.clock.advance_to(min(end, max(due, self.clock.now + STEP)))
            for request_id, request in self.requests.arrived(now):
                self._answer(request_id, request)
            for topic in self.subscriptions.arrived(now):
                if self.up and self.broker.subscribe(now, topic):
                    self.pushes.send(now, (topic, Hello(len(self.broker.inbox))))
            for reply in self.replies.arrived(now):
                self.perform(self.session.replied(now, reply))
            for topic, delivery in self.pushes.arrived(now):
                if topic == self.topic:
                    self.perform(self.session.delivered(now, delivery))
            self.perform(self.session.tick(now))

    def _answer(self, request_id: int, request: Request) -> None:
        if not self.up:
            return
        now = self.clock.now
        try:
            result, fresh = self.broker.handle(now, request)
        except RequestError as error:
            self.replies.send(now, Reply(request_id, None, error))
            return
        self.replies.send(now, unpack_reply(pack_result(request_id, result_values(result))))
        self.push(fresh)

    def _cut(self, *, linked: bool) -> None:
        self.linked, self.topic = linked, None
        for link in self._links:
            link.cut()

    def _fate(self) -> Fate:
        if not self.weather:
            return calm()
        self.weather.rotate(-1)
        return self.weather[-1]

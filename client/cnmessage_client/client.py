"""The public client: one user's connection to a broker, for asyncio programs.

    async with Client(profile="alice") as client:
        await client.send(["bob"], "hello")
        async for message in client.messages():
            print(message.sender, message.body)

Reconnects by itself, resends what was not acknowledged, shows nothing twice and nothing out of order. Every
call has a deadline. The session machine decides; this module ties it to sockets, outbox and callers.
"""

import random
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from types import TracebackType
from typing import Self

from cnmessage_client.files import FileCalls
from cnmessage_client.link.connection import Connection, keys_match, new_key_pair
from cnmessage_client.link.courier import Courier, compose
from cnmessage_client.link.requests import Requests, checked
from cnmessage_client.link.sockets import Access
from cnmessage_client.link.stream import Stream
from cnmessage_client.link.trust import KeyGuard, Trust, settle_key, trust_loopback
from cnmessage_client.model import Delivered, Message, Receipt, Unknown, entry_of, to_millis
from cnmessage_client.people import PeopleCalls
from cnmessage_client.profile import Home, KnownBrokers, damaged_key
from cnmessage_protocol import requests as verbs
from cnmessage_protocol.deliveries import FileState
from cnmessage_protocol.errors import BrokenAnswerError, CnMessageError, ErrorCode, ProtocolError
from cnmessage_protocol.ids import id_text, parse_id
from cnmessage_protocol.machines.effects import Answer, Effect, End, FileNews, Moved, Roster, Settle
from cnmessage_protocol.machines.effects import Unknown as UnknownNews
from cnmessage_protocol.machines.inbox import Show
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.records import TO_EVERYONE, Direction

DEFAULT_TIMEOUT = 10.0
"""Seconds a call waits for its answer."""


class Client(PeopleCalls, FileCalls):
    """A client of one profile. Use it as an async context manager, or call `connect` and `close`."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        broker: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        trust: Trust | None = None,
        home: Home | None = None,
    ) -> None:
        super().__init__(home, profile, broker, timeout)
        self.on_state: Callable[[State, float], None] = _ignore
        self.on_presence: Callable[[Sequence[tuple[str, bool]]], None] = _ignore
        self.on_file: Callable[[FileState], None] = _ignore
        self.on_unknown: Callable[[str], None] = _ignore
        self.on_refused: Callable[[CnMessageError], None] = _ignore
        self._trust = trust or trust_loopback
        self._session = Session(random.random)
        self._guard: KeyGuard
        self._courier: Courier
        self._stream: Stream

    # -- life -------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Settle which key the broker must have, and start connecting. Does not wait for an answer.

        Raises BROKER_KEY_CHANGED, UNREACHABLE (the first time, when the key must be asked for), INTEGRITY.
        """
        known = KnownBrokers(self.home)
        broker_key = await settle_key(known, self.address, self._trust, self.timeout)
        keys = self.profile.keys(new_key_pair)
        if not keys_match(keys):
            raise damaged_key(self.profile.folder / "device.key")
        connection = Connection(Access(self.address, broker_key, keys), self._session, self._take)
        self._connection = connection
        self._courier = Courier(self.profile, self.address, self._session, connection, self.on_refused)
        self._stream = Stream(self._session, connection)
        self._requests = Requests(self.profile, self.address, self._session, connection, self.timeout)
        connection.perform(self._session.open(connection.now()))
        self._guard = KeyGuard(known, self.address, broker_key, connection)
        self._guard.start(self.timeout, self._fail)
        if user := self.profile.user:
            self._courier.adopt(user)

    async def close(self) -> None:
        """Leave. Messages that are still unacknowledged stay on disk for the next client of this profile."""
        connection = self._connection
        if connection is None:
            return
        if self._failure is None:
            await self._courier.finish()
        self._guard.stop()
        connection.perform(self._session.close(connection.now()))
        connection.end()
        self._connection = None
        self._fail_waiting(CnMessageError(ErrorCode.UNREACHABLE, "the client was closed"))
        self._courier.close()

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return self._session.state

    @property
    def reached(self) -> bool:
        """Whether the broker has answered anything yet."""
        return self._connection is not None and self._connection.ever_heard

    @property
    def queued(self) -> int:
        """Messages that wait for their acknowledgement."""
        return 0 if self._connection is None else len(self._courier)

    @property
    def capabilities(self) -> frozenset[str]:
        """What the broker may be asked for, in its own words; empty until messages are followed."""
        return self._session.capabilities

    @property
    def unknown(self) -> int:
        """How much has come live that this version cannot show."""
        return self._session.unknown

    def cut(self, pause: float = 3.0) -> None:
        """Break the connection as a network fault would and stay away for `pause` seconds."""
        connection = self._connected()
        connection.perform(self._session.cut(connection.now(), pause))

    # -- messages ---------------------------------------------------------------------------------

    async def send(
        self,
        to: str | Sequence[str],
        body: str,
        *,
        client_id: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109 - the error must say what became of the message
    ) -> Receipt:
        """Send to one or many; returns once the broker has it on disk.

        On UNREACHABLE the text says whether the message was taken back or may still arrive. The same
        `client_id` (a UUID) makes a repeated call harmless.
        """
        names = [to] if isinstance(to, str) else list(to)
        message = checked(lambda: compose(names, body, client_id))
        self._connected()
        return await self._courier.send(message, self.timeout if timeout is None else timeout)

    async def broadcast(self, body: str) -> Receipt:
        """Send to every user who is online."""
        return await self.send(TO_EVERYONE, body)

    async def receipts(self, ids: Sequence[str]) -> list[Delivered]:
        """How far messages of this user have come, by message id."""
        raw = checked(lambda: tuple(parse_id(each) for each in ids))
        answer = await self._read(verbs.Receipts(raw))
        if sorted(identity for identity, _ in answer.receipts) != sorted(set(raw)):
            raise BrokenAnswerError("it tells of other messages than it was asked about")
        return [Delivered(id_text(identity), dict(states)) for identity, states in answer.receipts]

    async def history(
        self,
        limit: int = 20,
        *,
        peer: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        missed: bool = False,
        unread: bool = False,
    ) -> list[Message]:
        """The latest `limit` messages that match, oldest first; see verbs.History for the filters.

        Before `mark_read` after `unread`, be sure to have all: the mark covers everything below.
        """
        found = await self.entries(
            limit, peer=peer, since=since, until=until, before=before, missed=missed, unread=unread
        )
        return [entry for entry in found if isinstance(entry, Message)]

    async def entries(
        self,
        limit: int = 20,
        *,
        peer: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
        missed: bool = False,
        unread: bool = False,
    ) -> list[Message | Unknown]:
        """As `history`, with those among them that this version cannot show."""
        self._connected()
        found = await self._requests.history(
            limit,
            verbs.History(
                peer=None if peer is None else peer.lower(),
                since=None if since is None else to_millis(since),
                until=None if until is None else to_millis(until),
                before=before,
                missed=missed,
                unread=unread,
            ),
        )
        return [entry_of(item) for item in found]

    async def mark_read(self, seq: int) -> None:
        """Tell the broker that everything up to `seq` was shown or stored."""
        await self._ask(verbs.Ack(seq))

    async def messages(
        self, *, after: int | None = None, auto_ack: bool = True, own: bool = False
    ) -> AsyncIterator[Message]:
        """Every message from the read mark on (or above `after`), then live, each once and in order.

        Makes the user online. With `own`, what this user sends comes too. With `auto_ack` a message counts
        as read once the next one is asked for; without it, call `acknowledge`. One iteration at a time.
        """
        async for entry in self.follow(after=after, auto_ack=auto_ack, own=own):
            if isinstance(entry, Message):
                yield entry

    async def follow(
        self, *, after: int | None = None, auto_ack: bool = True, own: bool = False
    ) -> AsyncIterator[Message | Unknown]:
        """As `messages`, with what comes among them that this version cannot show."""
        self._connected()
        async for item in self._stream.items(after):
            if own or item.direction is Direction.RECEIVED:
                yield entry_of(item)
            if auto_ack:
                self.acknowledge(item.seq)

    def acknowledge(self, seq: int) -> None:
        """Count everything up to `seq` as read; sent soon, together with what follows."""
        if self._connection is not None:
            effects = self._session.mark_read(self._connection.now(), seq)
            if effects:
                self._connection.perform(effects)

    # -- inner: effects ---------------------------------------------------------------------------

    def _take(self, effect: Effect) -> None:
        match effect:
            case Answer():
                self._requests.answered(effect)
            case Settle(outcomes):
                self._courier.settle(outcomes)
            case Show(items):
                self._stream.put(items)
            case Moved(state, retry_in):
                self.on_state(state, retry_in)
            case Roster(changes):
                self.on_presence(changes)
            case FileNews(news):
                self.on_file(news)
            case UnknownNews(kind):
                self.on_unknown(kind)
            case End(error):
                self._fail(self.profile.explained(error, self.address))
            case _:
                raise ProtocolError(f"an effect without a driver: {type(effect).__name__}")

    def _fail(self, error: CnMessageError) -> None:
        self._failure = error
        self._fail_waiting(error)

    def _fail_waiting(self, error: CnMessageError) -> None:
        self._courier.fail(error)
        self._stream.fail(error)
        self._requests.fail(error)
        self._stop_transfers(error)


def _ignore(*_: object) -> None: ...

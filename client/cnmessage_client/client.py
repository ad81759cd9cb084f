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
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Self

from cnmessage_client import model
from cnmessage_client.address import DEFAULT_BROKER, parse_address
from cnmessage_client.known_brokers import KnownBrokers
from cnmessage_client.link import arguments, oldest
from cnmessage_client.link.connection import Connection, device_keys
from cnmessage_client.link.courier import Courier, compose
from cnmessage_client.link.lookout import Lookout
from cnmessage_client.link.requests import Requests, checked, conversation_of, history_filters, login_request
from cnmessage_client.link.sockets import Access
from cnmessage_client.link.stream import Stream, following_messages, not_read, only_messages
from cnmessage_client.link.trust import Trust, trust_loopback, verified_key
from cnmessage_client.profile import Home
from cnmessage_protocol import requests as verbs
from cnmessage_protocol.conversation import Everyone, to_wire
from cnmessage_protocol.deliveries import FileState, OfferState
from cnmessage_protocol.errors import CnMessageError, ErrorCode, ProtocolError
from cnmessage_protocol.ids import ClientId, parse_id
from cnmessage_protocol.machines import effects
from cnmessage_protocol.machines.inbox import HandOver
from cnmessage_protocol.machines.session import Session
from cnmessage_protocol.machines.states import State
from cnmessage_protocol.records import Direction
from cnmessage_protocol.results import Identity
from cnmessage_protocol.trace import Trace, Trail

if TYPE_CHECKING:  # what moves files takes long to load, and most commands move none
    from cnmessage_client.transfer.calls import FileCalls

DEFAULT_TIMEOUT = 10.0
"""Seconds a call waits for its answer."""


class Client:
    """A client of one profile. Use it as an async context manager, or call `connect` and `close`.

    `trace` is told each transition of its machines, those of files on threads of their own. Without
    `patient` its first calls fail at once when a broker refuses connections.
    """

    def __init__(
        self,
        *,
        profile: str | None = None,
        broker: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        trust: Trust | None = None,
        home: Home | None = None,
        trace: Trace | None = None,
        patient: bool = True,
    ) -> None:
        self.home = home or Home.find()
        named, place = arguments.text_or_none("profile", profile), arguments.text_or_none("broker", broker)
        self.profile = self.home.profile(self.home.current_profile if named is None else named)
        self.broker = self.profile.broker or DEFAULT_BROKER if place is None else place
        self.address = parse_address(self.broker)
        self.timeout = arguments.seconds("timeout", timeout)
        self._explained = partial(self.profile.explained, address=self.address)
        self.on_state: Callable[[State, float], None] = _ignore
        self.on_presence: Callable[[Sequence[tuple[str, bool]]], None] = _ignore
        self.on_file: Callable[[FileState], None] = _ignore
        self.on_offer: Callable[[OfferState], None] = _ignore
        self.on_unknown: Callable[[str], None] = _ignore
        self.on_refused: Callable[[CnMessageError], None] = _ignore
        self.on_trouble: Callable[[CnMessageError], None] = _ignore
        self.patient, self._trust, self._trace = patient, trust or trust_loopback, trace
        self._session = Session(random.random, trail=Trail(listening=trace is not None))
        self._file_calls: FileCalls | None = None
        self._failure: CnMessageError | None = None
        self._connection: Connection | None = None

    # -- life -------------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Settle which key the broker must have, and start connecting. Does not wait for an answer.

        Raises BROKER_KEY_CHANGED, UNREACHABLE (the first time, when the key must be asked for), INTEGRITY.
        """
        known = KnownBrokers(self.home)
        broker_key = await verified_key(known, self.address, self._trust, self.timeout, patient=self.patient)
        access = Access(self.address, broker_key, device_keys(self.profile))
        connection = self._connection = Connection(access, self._session, self._take, self._trace)
        refused = lambda error: self.on_refused(error)  # noqa: E731, PLW0108 - it may be set later
        trouble = lambda error: self.on_trouble(error)  # noqa: E731, PLW0108 - as well
        self._courier = Courier(self.profile, self._session, connection, self._explained, refused)
        self._stream = Stream(self._session, connection)
        self._requests = Requests(self._session, connection, self._explained, self.timeout)
        self._lookout = Lookout(known, connection, self._fail, trouble)
        connection.perform(self._session.open(connection.now()))
        self._lookout.start(self.timeout, patient=self.patient)
        try:
            self._courier.adopt()
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Leave. Messages that are still unacknowledged stay on disk for the next client of this profile."""
        if (connection := self._connection) is None:
            return
        if self._failure is None:
            await self._courier.finish()
        await self._lookout.stop()
        self._stream.tell_read()
        connection.perform(self._session.close(connection.now()))
        await connection.end()
        self._connection = None
        self._courier.close()
        self._fail_waiting(CnMessageError(ErrorCode.UNREACHABLE, "the client was closed"))

    async def __aenter__(self) -> Self:
        await self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
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
        self._connected().perform(self._session.cut(self._connected().now(), pause))

    # -- accounts, devices and people -------------------------------------------------------------

    async def signup(self, name: str, password: str) -> str:
        """Make an account and log this profile in to it; gives the name as the broker keeps it."""
        return await self._log_in(verbs.Signup, name, password)

    async def login(self, name: str, password: str) -> str:
        """Log this profile in; gives the name as the broker keeps it."""
        return await self._log_in(verbs.Login, name, password)

    async def logout(self) -> None:
        """Log this profile out."""
        await self._calls.ask(verbs.Logout())
        self.profile.remember(broker=self.address.place, user=None)

    async def passwd(self, old: str, new: str) -> int:
        """Change the password; gives how many other devices were logged out."""
        request = verbs.Passwd(arguments.secret("old", old), arguments.secret("new", new))
        return int((await self._calls.ask(request)).revoked)

    async def whoami(self) -> Identity:
        """Who this profile is logged in as, and how its inbox stands."""
        return await self._calls.whoami()

    async def devices(self) -> list[model.Device]:
        """The devices that are logged in to this account."""
        return [model.device_of(row) for row in (await self._calls.read(verbs.Devices())).devices]

    async def revoke(self, device: int) -> None:
        """Log another device out."""
        await self._calls.ask(verbs.Revoke(arguments.whole("device", device, 1)))

    async def users(self) -> list[model.User]:
        """Everyone, in order of name."""
        return [model.user_of(row) for row in await self._calls.users()]

    async def block(self, name: str) -> None:
        """Let nothing of `name` into the inbox from now on."""
        await self._calls.ask(verbs.Block(arguments.text("name", name).lower()))

    async def unblock(self, name: str) -> None:
        """Take `name` off the blacklist; what was kept out meanwhile stays out."""
        await self._calls.ask(verbs.Unblock(arguments.text("name", name).lower()))

    async def blocked(self) -> list[str]:
        """Whom this user blocks."""
        return list((await self._calls.read(verbs.Blacklist())).names)

    # -- messages ---------------------------------------------------------------------------------

    async def send(
        self,
        to: str | Sequence[str],
        body: str,
        *,
        client_id: str | None = None,
        wait_until: model.Level = "stored",
        timeout: float | None = None,  # noqa: ASYNC109 - the error must say what became of the message
        keep: bool = False,
    ) -> model.Receipt:
        """Send to one or many; returns once the broker has it on disk, or all have received or read it.

        Without an answer the error says whether it was taken back (not with `keep`) or may still arrive. When
        NOT_DELIVERED it is stored. The same `client_id` (a UUID) makes a repetition harmless.
        """
        level = arguments.level("wait_until", wait_until)
        message = checked(lambda: compose(to, body, client_id))
        patience = self.timeout if timeout is None else arguments.seconds("timeout", timeout)
        self._connected()
        receipt = await self._courier.send(message, patience, keep=keep)
        if level != "stored":
            await self._requests.reach(receipt, level, patience)
        return receipt

    def give_up(self, client_id: str) -> str:
        """Take back the message of a cancelled `send` if it never left; what becomes of it, in words."""
        return self._courier.give_up(ClientId(parse_id(client_id)))

    async def reached_by(
        self, receipt: model.Receipt, level: model.Level, seconds: float | None = None
    ) -> model.Level:
        """How far a message has come with all its recipients, at `level` or after `seconds`."""
        return await self._calls.reached(receipt, level, seconds)

    async def broadcast(self, body: str) -> model.Receipt:
        """Send to every user who is online."""
        return await self.send(to_wire(Everyone()), body)

    async def receipts(self, ids: Sequence[str]) -> list[model.Delivered]:
        """How far messages of this user have come, by message id."""
        return await self._calls.delivered(ids)

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
        own: bool = False,
    ) -> list[model.Message | model.Unknown]:
        """The latest `limit` items that match all filters, oldest first; without filters, those received.

        `peer`: the conversation with one user, both directions; broadcasts for "all". `since`, `until`: not
        older, and older, by the broker's clock; without a zone, local. `before`: below this seq. `missed`:
        direct messages that came while the user was last offline. `own`: sent ones, too. All kinds come.
        """
        filters = history_filters(peer, since, until, before, missed=missed, unread=unread, own=own)
        return [model.entry_of(item) for item in await self._calls.history(limit, filters)]

    history = only_messages(entries)
    oldest_first = oldest.oldest_first

    async def conversations(self) -> list[model.ConversationInfo]:
        """All conversations, the one with the latest item first."""
        return [model.conversation_info(row) for row in await self._calls.conversations()]

    async def mark_read(self, seq: int, *, peer: str | None = None) -> None:
        """Tell the broker that all up to `seq`, of one conversation if given, was shown: it is read then."""
        await self._calls.ask(verbs.Ack(arguments.whole("seq", seq), conversation_of(peer)))

    async def mark_received(self, seq: int) -> None:
        """Tell the broker that this client has all up to `seq`, read or not: it counts as delivered."""
        await self._calls.read(verbs.Sync(arguments.whole("seq", seq), limit=1))

    async def follow(
        self, *, after: int | None = None, auto_ack: bool = True, own: bool = False
    ) -> AsyncIterator[model.Message | model.Unknown]:
        """Every item from the read mark on (or above `after`), then live, each once and in order.

        Makes the user online. With `own`, what this user sends comes too. With `auto_ack` an item counts as
        read once the next one is asked for; without it, call `acknowledge`. One iteration at a time.
        """
        self._connected()
        items = self._stream.items(arguments.whole_or_none("after", after))
        async for item in items if after is not None else not_read(items, self._calls.read_marks):
            if own or item.direction is Direction.RECEIVED:
                yield model.entry_of(item)
            if auto_ack:
                self.acknowledge(item.seq)

    messages = following_messages(follow)

    def acknowledge(self, seq: int) -> None:
        """Count everything up to `seq` as read; sent soon, together with what follows."""
        if self._connection is not None:
            self._stream.read(seq)

    # -- files ------------------------------------------------------------------------------------

    async def send_files(
        self,
        to: str | Sequence[str],
        paths: arguments.PathText | Sequence[arguments.PathText],
        *,
        note: str = "",
        expires: timedelta | None = None,
        names: Sequence[str] | None = None,
        snapshot: bool = False,
        progress: model.Progress | None = None,
    ) -> list[model.SentFile]:
        """Send one file or several at once, which are stored then, in the order of `paths`.

        One that fails does not stop the others: FilesError has both. Cut short, the same call goes on where
        the broker's bytes end. `names` are what recipients see instead of the files' own; with `snapshot` a
        file that grows meanwhile is sent as it was at first.
        """
        return await self._transfers.send(
            to, paths, progress, note=note, expires=expires, names=names, snapshot=snapshot
        )

    async def get_file(
        self,
        id: str,  # noqa: A002 - the word that all records have for it
        directory: arguments.PathText,
        *,
        name: str | None = None,
        overwrite: bool = False,
        confirm: bool = True,
        offered: model.Offer | None = None,
        preserve: bool = False,
        progress: model.Progress | None = None,
    ) -> Path:
        """Fetch a file into `directory`, verified; gives where it is. Cut short, the same call goes on.

        `id` is its id, or its name: of several the latest. It is called `name`, or as its sender called it,
        made harmless. Another file is not overwritten unasked: EXISTS. `offered` is the FileInfo or the
        message's file, if there is one: no other is taken then. With `preserve` it is as old, and as
        executable, as its sender's. Without `confirm` it counts as fetched by `confirm_file` only.
        """
        place = Path(arguments.path("directory", directory))
        file = await self._calls.file_called(arguments.text("id", id))
        how = {"overwrite": overwrite, "confirm": confirm, "preserve": preserve}
        return await self._transfers.get(file, place, name, progress, offered=offered, **how)

    async def confirm_file(self, id: str) -> None:  # noqa: A002 - as above
        """Say that this user has a file, which was fetched without `confirm`; its sender can see so."""
        await self._transfers.confirm(arguments.identity("id", id))

    async def files(self, *, sent: bool, holding: Sequence[str] = ()) -> list[model.FileInfo]:
        """The files this user sent, or was offered, the latest first; back to all `holding` (ids)."""
        return [model.file_info(row) for row in await self._calls.files(sent=sent, holding=holding)]

    async def withdraw_file(self, id: str) -> None:  # noqa: A002 - as above
        """Take a file of this user back; an upload that is not finished is given up."""
        await self._calls.ask(verbs.Withdraw(arguments.identity("id", id)))

    async def decline_file(self, id: str) -> None:  # noqa: A002 - as above
        """Say that this user will not fetch a file; its sender can see so."""
        await self._calls.ask(verbs.Decline(arguments.identity("id", id)))

    def _connected(self) -> Connection:
        if self._connection is None:
            raise CnMessageError(ErrorCode.UNREACHABLE, "the client is not connected; call connect() first")
        if self._failure is not None:
            raise self._failure
        return self._connection

    @property
    def _calls(self) -> Requests:
        """Questions to the broker, while it can be asked."""
        self._connected()
        return self._requests

    @property
    def _transfers(self) -> "FileCalls":
        """What moves files."""
        if self._file_calls is None:
            from cnmessage_client.transfer.calls import FileCalls  # noqa: PLC0415 - as said above

            self._file_calls = FileCalls(
                self.profile, self.address, self.timeout, self._proved, self._explained, self._trace
            )
        return self._file_calls

    async def _log_in(self, verb: type[verbs.Signup | verbs.Login], name: str, password: str) -> str:
        user = await self._calls.log_in(self.profile, login_request(verb, name, password, self.profile.label))
        self._courier.adopt()
        return user

    async def _proved(self) -> Access:
        """The way to the broker, which has proved its key and knows us: errors come early."""
        if not self._connected().ever_heard:
            await self._calls.read(verbs.Whoami())
        return self._connected().access

    def _take(self, effect: effects.Effect) -> None:
        match effect:
            case effects.Answered():
                self._requests.answered(effect)
            case effects.Resolve(outcomes):
                self._courier.resolve(outcomes)
            case HandOver(items):
                self._stream.put(items)
            case effects.StateChanged(state, retry_in):
                self._lookout.moved(state)
                self.on_state(state, retry_in)
            case effects.PresenceNews(changes):
                self.on_presence(changes)
            case effects.FileNews(news):
                self.on_file(news)
            case effects.OfferNews(change):
                self.on_offer(change)
            case effects.UnknownNews(kind):
                self.on_unknown(kind)
            case effects.End(error):
                self._fail(self._explained(error))
            case _:
                raise ProtocolError(f"an effect without a driver: {type(effect).__name__}")

    def _fail(self, error: CnMessageError) -> None:
        self._failure = error
        self._fail_waiting(error)

    def _fail_waiting(self, error: CnMessageError) -> None:
        self._courier.fail(error)
        self._stream.fail(error)
        self._requests.fail(error)
        if self._file_calls is not None:
            self._file_calls.stop(error)


def _ignore(*_: object) -> None: ...

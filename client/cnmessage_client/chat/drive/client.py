"""The client of a chat that goes on: made when it is needed, followed, closed when it has ended, made anew.

A Client that has ended (logged out, another key at the broker) cannot be used again; a login makes a new one.
Messages outlive it: what was sent goes on with the next client of the same user. All else belongs to the
login that wanted it, and ends with that. Knows no screen and no talk; tells its news on the event loop.
"""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TypeVar

from cnmessage_client.chat.drive.backlog import Backlog
from cnmessage_client.chat.drive.news import News
from cnmessage_client.client import Client
from cnmessage_client.link.trust import trust_loopback
from cnmessage_client.model import Message, Receipt, Unknown
from cnmessage_client.profile import Home, Profile
from cnmessage_client.shell.read.completion import remember_names
from cnmessage_client.shell.settings import Settings
from cnmessage_protocol.conversation import Conversation, to_wire
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.machines.liveness import Backoff
from cnmessage_protocol.machines.states import State

Result = TypeVar("Result")

_AT_ONCE = 50
"""Messages taken in one go before what was typed gets its turn."""

_FOREVER = 1e8
"""Seconds that a message waits for its acknowledgement: as long as anybody may wait."""

_LOOK_AGAIN = 5.0
"""Seconds after a broker with another key until it is tried again whether the right one is back."""


class ChatClient:
    """The client of one profile, whichever object it is at the moment."""

    def __init__(self, settings: Settings, news: News, broken: Callable[[BaseException], None]) -> None:
        self.settings = settings
        self.untrusted: tuple[str, str] | None = None
        """Place and fingerprint of a broker whose key was not accepted, to be asked about."""
        self.trusted: set[tuple[str, str]] = set()
        self._news = news
        self._broken = broken
        self._client: Client | None = None
        self._making = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self.login = 0
        """Counts logins and logouts: what was wanted under one number is not done under another."""
        self._user: str | None = None
        self._followed = False
        self._extra: set[Client] = set()
        self._turn = asyncio.Event()
        self._moves: deque[tuple[State, float]] = deque()
        self._reading = False
        self._backlog = Backlog()
        self._marks: dict[str, int] = {}
        self._wrong_key_reported = False

    # -- what there is ----------------------------------------------------------------------------

    @property
    def profile(self) -> Profile:
        """Whose client it is."""
        home = Home.find()
        return home.profile(self.settings.profile or home.current_profile)

    @property
    def queued(self) -> int:
        """Messages without an acknowledgement."""
        return 0 if self._client is None else self._client.queued

    @property
    def state(self) -> State:
        """Where the connection stands."""
        return State.CLOSED if self._client is None else self._client.state

    def use(self, broker: str) -> None:
        """The broker to connect to from now on."""
        self.settings = replace(self.settings, broker=broker)

    # -- life -------------------------------------------------------------------------------------

    async def get(self) -> Client:
        """The client, connected as far as the broker is there; followed when somebody is logged in."""
        async with self._making:
            if self._client is None:
                self._client = await self._make()
                # Whoever logged out did not do so here: another process, which has changed the profile.
                self._settle(self._client, by_itself=True)
            return self._client

    async def close(self) -> None:
        """Leave. What has no acknowledgement stays on disk for the next client of this profile."""
        async with self._making:
            await self._close()

    async def do(
        self,
        job: Callable[[Client], Awaitable[Result]],
        *,
        timeout: float,  # noqa: ASYNC109 - the patience of the client that the job gets
        account: bool,
    ) -> Result:
        """Do a command's job. One that logs in or out (`account`) has a client that follows nothing yet."""
        if account:
            return await self._do_alone(job)
        if timeout != self.settings.timeout:
            async with self._new(timeout) as client:
                self._extra.add(client)
                try:
                    return await job(client)
                finally:
                    self._extra.discard(client)
        client = await self.get()
        try:
            return await job(client)
        except CnMessageError as error:
            if client is self._client and error.code is ErrorCode.BROKER_KEY_CHANGED:
                await self.close()  # it has failed for good
                self._key_is_wrong()
            raise

    async def ask(self, login: int, job: Callable[[Client], Awaitable[Result]]) -> Result | None:
        """Do a job for this login; None once that is over, whatever has become of it."""
        try:
            client = await self.get()
            result = await job(client) if login == self.login else None
        except CnMessageError:
            if login == self.login:
                raise
            return None
        return result if login == self.login else None

    async def send(self, user: str | None, key: str, to: Sequence[str], body: str) -> Receipt:
        """Send as `user` under this client id and wait for its receipt, over all clients of this user."""
        while True:
            client = await self.get()
            if user != self._user:
                raise CnMessageError(ErrorCode.UNAUTHENTICATED, f"{user} is not logged in here any more")
            try:
                return await client.send(to, body, client_id=key, timeout=_FOREVER, keep=True)
            except CnMessageError as error:
                alive = client is self._client and client.state is not State.CLOSED
                if user is None or (alive and error.code is not ErrorCode.BROKER_KEY_CHANGED):
                    raise
            while not self._followed or self._client in {None, client}:
                await self._turn.wait()
            if self.profile.user != user:
                text = f"it is kept, and goes out when {user} is logged in here again"
                raise CnMessageError(ErrorCode.UNAUTHENTICATED, text)

    def acknowledge(self, seq: int, conversation: Conversation | None) -> None:
        """Everything up to `seq` was shown, or all of this conversation."""
        if conversation is not None:
            if self._followed and self._backlog.whole(to_wire(conversation)):
                idle = not self._marks
                self._marks[to_wire(conversation)] = seq
                if idle:
                    self._spawn(self._mark(self.login))
            return
        upto = self._backlog.markable(seq)
        if self._client is not None and self._followed and upto is not None:
            self._client.acknowledge(upto)

    async def _mark(self, login: int) -> None:
        """Tell how far conversations were read; what cannot be told now is told with what comes next."""
        while self._marks and login == self.login:
            name, seq = next(iter(self._marks.items()))
            with suppress(CnMessageError):
                await self.ask(login, lambda client: client.mark_read(seq, peer=name))  # noqa: B023 - at once
            if login == self.login and self._marks.get(name) == seq:
                del self._marks[name]

    async def look_again(self) -> None:
        """Perhaps what was left out at the start was read meanwhile, by a command or elsewhere."""
        if self._backlog.held and self._followed:
            with suppress(CnMessageError):
                me = await self.ask(self.login, lambda client: client.whoami())
                upto = None if me is None else self._backlog.read(me.read_upto)
                if upto is not None and self._client is not None:
                    self._client.acknowledge(upto)

    def cut(self, pause: float) -> bool:
        """Cut the sockets; False when there is nothing to cut."""
        if self._client is None:
            return False
        self._client.cut(pause)
        return True

    # -- inner: life ------------------------------------------------------------------------------

    def _new(self, timeout: float) -> Client:
        client = replace(self.settings, timeout=timeout).client(self._trusts)
        client.on_refused = self._news.refused
        client.on_trouble = self._news.troubled
        client.patient = client.profile.user is not None
        return client

    async def _make(self) -> Client:
        self.untrusted = None
        client = self._new(self.settings.timeout)
        client.on_state = partial(self._moved, client)
        client.on_presence = self._news.presence
        client.on_file = self._news.file_moved
        client.on_offer = self._news.offer_moved
        client.on_unknown = self._news.pushed
        await client.connect()
        return client

    def _settle(self, client: Client, *, by_itself: bool) -> None:
        """Follow, if somebody is logged in; if nobody is, that came `by_itself` or from a command here."""
        user = client.profile.user
        self._is_now(user)
        if user is None:
            self._news.logged_out(by_itself=by_itself)
            self._news.moved(State.CLOSED, 0.0)
            return
        self._followed = True
        self._news.moved(client.state, 0.0)
        self._news.logged_in(user)
        self._spawn(self._watch(client, user))
        self._pulse()

    def _is_now(self, user: str | None) -> None:
        """Whose login it is."""
        if user != self._user:
            self.login += 1
            self._marks.clear()
        self._user = user

    async def _close(self) -> None:
        client, self._client = self._client, None
        self._followed = False
        self._marks.clear()
        self._pulse()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        for each in (*self._extra, *([] if client is None else [client])):
            await each.close()

    def _pulse(self) -> None:
        """Wake whoever waits for another client."""
        self._turn.set()
        self._turn = asyncio.Event()

    async def _do_alone(self, job: Callable[[Client], Awaitable[Result]]) -> Result:
        async with self._making:
            if self._tasks or self._client is None:
                await self._close()
                self._client = await self._make()
            client = self._client
            try:
                return await job(client)
            finally:
                self._settle(client, by_itself=False)

    def _trusts(self, place: str, fingerprint: str) -> bool:
        if trust_loopback(place, fingerprint):
            self._news.accepted(place, fingerprint)
            return True
        self.untrusted = (place, fingerprint)
        return self.untrusted in self.trusted

    # -- inner: news ------------------------------------------------------------------------------

    async def _watch(self, client: Client, user: str) -> None:
        """Take everything that comes, until the client ends."""
        try:
            unread, after = await self._beginning(client)
            for message in unread:
                self._news.came(message)
            self._backlog.came(user, after)
            async for message in client.follow(after=after, auto_ack=False, own=True):
                self._backlog.came(user, message.seq)
                self._news.came(message)
                if message.seq % _AT_ONCE == 0:
                    await self._let_others_in()
        except CnMessageError as error:
            if client is not self._client:
                return
            await self._close()
            if error.code is ErrorCode.BROKER_KEY_CHANGED:
                told = self._wrong_key_reported
                self._key_is_wrong()
                if told:
                    return
            if error.code is ErrorCode.UNAUTHENTICATED:
                client.profile.remember(broker=client.address.place, user=None)
                self._is_now(None)
                self._news.logged_out(by_itself=True)
            self._news.ended(error)

    def _key_is_wrong(self) -> None:
        """Another broker stands there: a person was told, or is by the error, and it is tried again."""
        self._wrong_key_reported = True
        self._news.moved(State.CLOSED, 0.0)
        self._spawn(self._look_again_later())

    async def _look_again_later(self) -> None:
        await asyncio.sleep(_LOOK_AGAIN)
        if self._client is None:
            await self.get()

    async def _let_others_in(self) -> None:
        self._reading = True
        try:
            await asyncio.sleep(0)
        finally:
            self._reading = False

    async def _beginning(self, client: Client) -> tuple[Sequence[Message | Unknown], int]:
        """What waits, and where the stream begins, as soon as the broker says what is needed to know."""
        pauses = Backoff(random.random)
        while True:
            try:
                return await self._backlog.begin(client, await client.whoami(), self._news.left_out)
            except CnMessageError as error:
                if not error.retryable:
                    raise
            await asyncio.sleep(pauses.pause())

    def _moved(self, client: Client, state: State, retry_in: float) -> None:
        if client is not self._client:
            return
        self._moves.append((state, retry_in))
        asyncio.get_running_loop().call_soon(self._tell_moves)
        if state is State.LIVE:
            self._wrong_key_reported = False
            self._spawn(self._ask_roster(client))

    def _tell_moves(self) -> None:
        """Behind the messages that came first: the task that takes them was woken before this."""
        if self._reading:
            asyncio.get_running_loop().call_soon(self._tell_moves)
            return
        while self._moves:
            self._news.moved(*self._moves.popleft())

    async def _ask_roster(self, client: Client) -> None:
        with suppress(CnMessageError):  # the next time we are live it is asked for again
            users = await client.users()
            remember_names(client.profile, [user.name for user in users])
            self._news.roster([(user.name, user.online) for user in users])

    def _spawn(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._over)

    def _over(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            self._broken(error)

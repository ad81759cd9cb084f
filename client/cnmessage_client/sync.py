"""The same client for plain scripts: no asyncio in sight.

    with SyncClient(profile="alice") as client:
        client.send("bob", "hello")
        for message in client.messages():
            print(message.sender, message.body)

Runs a Client on an event loop in a thread of its own. Methods block, have the same deadlines and raise the
same errors; they may be called from several threads.
"""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Self, TypeVar

from cnmessage_client.client import DEFAULT_TIMEOUT, Client
from cnmessage_client.link.trust import Trust
from cnmessage_client.loop import new_event_loop
from cnmessage_client.model import Message, Unknown
from cnmessage_client.profile import Home
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.trace import Trace

P = ParamSpec("P")
Result = TypeVar("Result")
_GRACE = 1.0
"""Seconds that calls of other threads have to end once the client is closed."""


def _blocking(
    call: "Callable[Concatenate[Client, P], Coroutine[Any, Any, Result]]",
) -> "Callable[Concatenate[SyncClient, P], Result]":
    """The same call, waited for."""

    @wraps(call)
    def blocking(self: "SyncClient", /, *args: P.args, **kwargs: P.kwargs) -> Result:
        return self._run(call(self._client, *args, **kwargs))

    return blocking


class SyncClient:
    """A blocking client of one profile. `progress` of files and `trace` are called on threads of its own."""

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
        self._loop = new_event_loop()
        self._closing = threading.Lock()
        self._closed = False
        self._stream: AsyncIterator[Message | Unknown] | None = None
        self._expected: Future[Message | Unknown] | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, name="cnmessage-client", daemon=True)
        self._thread.start()
        try:
            self._client = self._run(
                _made(
                    profile=profile,
                    broker=broker,
                    timeout=timeout,
                    trust=trust,
                    home=home,
                    trace=trace,
                    patient=patient,
                ),
            )
        except BaseException:
            self._stop()
            raise

    def connect(self) -> None:
        """Start connecting; see Client.connect."""
        self._run(self._client.connect())

    def close(self) -> None:
        """Leave and end the thread; calls that still wait in other threads raise UNREACHABLE."""
        with self._closing:
            if self._closed:
                return
            self._closed = True
        try:
            asyncio.run_coroutine_threadsafe(_leave(self._client), self._loop).result()
        finally:
            self._stop()

    def _stop(self) -> None:
        self._closed = True
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self) -> Self:
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    signup = _blocking(Client.signup)
    login = _blocking(Client.login)
    logout = _blocking(Client.logout)
    passwd = _blocking(Client.passwd)
    whoami = _blocking(Client.whoami)
    devices = _blocking(Client.devices)
    revoke = _blocking(Client.revoke)
    users = _blocking(Client.users)
    block = _blocking(Client.block)
    unblock = _blocking(Client.unblock)
    blocked = _blocking(Client.blocked)
    send = _blocking(Client.send)
    broadcast = _blocking(Client.broadcast)
    receipts = _blocking(Client.receipts)
    reached_by = _blocking(Client.reached_by)
    history = _blocking(Client.history)
    entries = _blocking(Client.entries)
    conversations = _blocking(Client.conversations)
    mark_read = _blocking(Client.mark_read)
    mark_received = _blocking(Client.mark_received)
    send_files = _blocking(Client.send_files)
    get_file = _blocking(Client.get_file)
    confirm_file = _blocking(Client.confirm_file)
    files = _blocking(Client.files)
    withdraw_file = _blocking(Client.withdraw_file)
    decline_file = _blocking(Client.decline_file)

    @property
    def capabilities(self) -> frozenset[str]:
        """What the broker may be asked for, in its own words; empty until messages are followed."""
        return self._client.capabilities

    @property
    def unknown(self) -> int:
        """How much has come live that this version cannot show."""
        return self._client.unknown

    def messages(
        self, *, after: int | None = None, auto_ack: bool = True, own: bool = False
    ) -> Iterator[Message]:
        """Every message from the read mark on, then live; blocks while there is none.

        An interrupted iteration loses nothing: the next one goes on where it stopped.
        """
        for entry in self.follow(after=after, auto_ack=auto_ack, own=own):
            if isinstance(entry, Message):
                yield entry

    def follow(
        self, *, after: int | None = None, auto_ack: bool = True, own: bool = False
    ) -> Iterator[Message | Unknown]:
        """As `messages`, with what comes among them that this version cannot show."""
        if self._stream is None:
            self._stream = self._client.follow(after=after, auto_ack=auto_ack, own=own)
        while True:
            if self._expected is None:
                self._expected = self._submit(_next(self._stream))
            entry = self._expected.result()  # not cancelled by Ctrl-C: what it brings is for the next call
            self._expected = None
            yield entry

    def oldest_first(
        self,
        *,
        peers: str | Sequence[str] = (),
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> Iterator[Message | Unknown]:
        """As Client.oldest_first."""
        stream = self._client.oldest_first(peers=peers, since=since, until=until)
        while (entry := self._run(_next_or_none(stream))) is not None:
            yield entry

    def _run(self, job: Coroutine[Any, Any, Result]) -> Result:
        future = self._submit(job)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def _submit(self, job: Coroutine[Any, Any, Result]) -> "Future[Result]":
        with self._closing:
            if self._closed:
                job.close()
                raise CnMessageError(ErrorCode.UNREACHABLE, "the client was closed")
            return asyncio.run_coroutine_threadsafe(job, self._loop)


async def _leave(client: Client) -> None:
    """Close, then let every call that still waits come to its end."""
    await client.close()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:
        await asyncio.wait(others, timeout=_GRACE)


async def _made(**options: Any) -> Client:
    return Client(**options)


async def _next(stream: Any) -> Message | Unknown:
    entry: Message | Unknown = await anext(stream)
    return entry


async def _next_or_none(stream: AsyncIterator[Message | Unknown]) -> Message | Unknown | None:
    return await anext(stream, None)

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
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from concurrent.futures import Future
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from cnmessage_client.client import DEFAULT_TIMEOUT, Client
from cnmessage_client.files import PathText, Progress
from cnmessage_client.link.trust import Trust
from cnmessage_client.loop import new_event_loop
from cnmessage_client.model import (
    Delivered,
    FileInfo,
    LoginSession,
    Message,
    Receipt,
    SentFile,
    Unknown,
    User,
)
from cnmessage_client.profile import Home
from cnmessage_client.transfer.download import Offer
from cnmessage_protocol.errors import CnMessageError, ErrorCode
from cnmessage_protocol.results import Identity

Result = TypeVar("Result")
_GRACE = 1.0
"""Seconds that calls of other threads have to end once the client is closed."""


class SyncClient:
    """A blocking client of one profile; see Client for what each method does."""

    def __init__(
        self,
        *,
        profile: str | None = None,
        broker: str | None = None,
        timeout: float = DEFAULT_TIMEOUT,
        trust: Trust | None = None,
        home: Home | None = None,
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
                _made(profile=profile, broker=broker, timeout=timeout, trust=trust, home=home),
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

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def signup(self, name: str, password: str) -> str:
        """Make an account and log this profile in to it."""
        return self._run(self._client.signup(name, password))

    def login(self, name: str, password: str) -> str:
        """Log this profile in."""
        return self._run(self._client.login(name, password))

    def logout(self) -> None:
        """Log this profile out."""
        self._run(self._client.logout())

    def passwd(self, old: str, new: str) -> int:
        """Change the password; gives how many other devices were logged out."""
        return self._run(self._client.passwd(old, new))

    def whoami(self) -> Identity:
        """Who this profile is logged in as."""
        return self._run(self._client.whoami())

    def sessions(self) -> list[LoginSession]:
        """The devices that are logged in to this account."""
        return self._run(self._client.sessions())

    def revoke(self, session: int) -> None:
        """Log another device out."""
        self._run(self._client.revoke(session))

    def send(self, to: str | Sequence[str], body: str, *, client_id: str | None = None) -> Receipt:
        """Send to one or many; returns once the broker has it on disk."""
        return self._run(self._client.send(to, body, client_id=client_id))

    def broadcast(self, body: str) -> Receipt:
        """Send to every user who is online."""
        return self._run(self._client.broadcast(body))

    def receipts(self, ids: Sequence[str]) -> list[Delivered]:
        """How far messages of this user have come."""
        return self._run(self._client.receipts(ids))

    def history(
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
        """The latest `limit` messages that match, oldest first."""
        found = self.entries(
            limit, peer=peer, since=since, until=until, before=before, missed=missed, unread=unread
        )
        return [entry for entry in found if isinstance(entry, Message)]

    def entries(
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
        return self._run(
            self._client.entries(
                limit, peer=peer, since=since, until=until, before=before, missed=missed, unread=unread
            ),
        )

    @property
    def capabilities(self) -> frozenset[str]:
        """What the broker may be asked for, in its own words; empty until messages are followed."""
        return self._client.capabilities

    @property
    def unknown(self) -> int:
        """How much has come live that this version cannot show."""
        return self._client.unknown

    def mark_read(self, seq: int) -> None:
        """Tell the broker that everything up to `seq` was shown or stored."""
        self._run(self._client.mark_read(seq))

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

    def users(self) -> list[User]:
        """Everyone, in order of name."""
        return self._run(self._client.users())

    def block(self, name: str) -> None:
        """Let nothing of `name` into the inbox from now on."""
        self._run(self._client.block(name))

    def unblock(self, name: str) -> None:
        """Take `name` off the blocklist."""
        self._run(self._client.unblock(name))

    def blocked(self) -> list[str]:
        """Whom this user blocks."""
        return self._run(self._client.blocked())

    def send_files(
        self,
        to: str | Sequence[str],
        paths: Sequence[PathText],
        *,
        note: str = "",
        expires: timedelta | None = None,
        names: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> list[SentFile]:
        """Send files; what became of each. `progress` is called on the client's thread."""
        return self._run(
            self._client.send_files(to, paths, note=note, expires=expires, names=names, progress=progress),
        )

    def get_file(
        self,
        id: str,  # noqa: A002 - the word that all records have for it
        directory: PathText,
        *,
        name: str | None = None,
        overwrite: bool = False,
        confirm: bool = True,
        offered: Offer | None = None,
        progress: Progress | None = None,
    ) -> Path:
        """Fetch a file into `directory`; gives where it is. `progress` is called on the client's thread."""
        return self._run(
            self._client.get_file(
                id,
                directory,
                name=name,
                overwrite=overwrite,
                confirm=confirm,
                offered=offered,
                progress=progress,
            ),
        )

    def confirm_file(self, id: str) -> None:  # noqa: A002 - as above
        """Say that this user has a file, which was fetched without `confirm`."""
        self._run(self._client.confirm_file(id))

    def files(self, *, sent: bool) -> list[FileInfo]:
        """The files this user sent, or was offered, the latest first."""
        return self._run(self._client.files(sent=sent))

    def withdraw_file(self, id: str) -> None:  # noqa: A002 - as above
        """Take a file of this user back."""
        self._run(self._client.withdraw_file(id))

    def decline_file(self, id: str) -> None:  # noqa: A002 - as above
        """Say that this user will not fetch a file."""
        self._run(self._client.decline_file(id))

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

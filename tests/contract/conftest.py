"""An empty store of each backend, and a desk that fills it in few words.

A further backend is one more line in `BACKENDS`: every contract test then runs over it too.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from cnmessage_broker.store.memory.store import MemoryStore
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import (
    Account,
    FileRow,
    Group,
    NewFile,
    Outcome,
    Query,
    Stored,
    Submission,
)
from cnmessage_broker.store.sqlite.store import SqliteStore
from cnmessage_protocol.conversation import Everyone, to_wire
from cnmessage_protocol.ids import ClientId, FileId, MessageId, UserName
from cnmessage_protocol.records import FileFacts, Kind

BACKENDS: Mapping[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(os.urandom(16)),
    "sqlite": lambda folder: SqliteStore(folder / "store.db", os.urandom),
    "sqlite, small sections": lambda folder: SqliteStore(folder / "store.db", os.urandom, section=3),
}

DURABLE = [name for name in BACKENDS if name != "memory"]
"""Those that keep what they have in a folder, over a close; they are held against the model."""


class Desk:
    """Writes accounts and messages to a store; ids count up, so that a failure is easy to read."""

    def __init__(self, store: Store, first: int = 1) -> None:
        self.store = store
        self._ids = count(first)

    def account(self, name: str) -> Account:
        """A new account."""
        return self.store.create_account(UserName(name), f"hash of {name}", 1)

    def accounts(self, *names: str) -> tuple[Account, ...]:
        """Several new accounts."""
        return tuple(self.account(name) for name in names)

    def write(
        self,
        sender: Account,
        *recipients: Account,
        body: str = "hello",
        kind: Kind = Kind.DIRECT,
        client_id: bytes | None = None,
        time: int = 1000,
        blockers: Sequence[Account] = (),
    ) -> Submission:
        """A message that is not stored yet; it is withheld from `blockers` among the recipients."""
        number = next(self._ids)
        names = [to_wire(Everyone())] if kind is Kind.BROADCAST else [each.name for each in recipients]
        return Submission(
            MessageId(number.to_bytes(16, "big")),
            ClientId(client_id or number.to_bytes(16, "little")),
            sender.id,
            sender.name,
            tuple(each.id for each in recipients),
            tuple(names),
            kind,
            body,
            time,
            frozenset(each.id for each in blockers),
        )

    def commit(self, *submissions: Submission) -> list[Outcome]:
        """Store messages as one group."""
        return self.store.commit(Group(list(submissions)))

    def send(
        self,
        sender: Account,
        *recipients: Account,
        body: str = "hello",
        kind: Kind = Kind.DIRECT,
        time: int = 1000,
    ) -> Stored:
        """Write a message and store it."""
        return stored(self.commit(self.write(sender, *recipients, body=body, kind=kind, time=time))[0])

    def upload(
        self,
        owner: Account,
        *recipients: Account,
        name: str = "plan.txt",
        size: int = 100,
        note: str = "",
        client_id: bytes | None = None,
        created: int = 1000,
        expires: int | None = None,
        mtime: int | None = None,
        executable: bool = False,
    ) -> FileRow:
        """An upload that has begun."""
        number = next(self._ids)
        return self.store.files.add(
            NewFile(
                FileId(number.to_bytes(16, "big")),
                ClientId(client_id or number.to_bytes(16, "little")),
                owner.id,
                name,
                size,
                tuple(each.name for each in recipients),
                note,
                created,
                expires,
                mtime,
                executable,
            ),
        )

    def offer(
        self, row: FileRow, *, sha256: bytes = b"d" * 32, blockers: Sequence[Account] = ()
    ) -> Submission:
        """The message that completes an upload, not stored yet."""
        found = [self.store.account_by_name(name) for name in (row.owner_name, *row.to)]
        owner, *recipients = [each for each in found if each is not None]
        message = self.write(
            owner,
            *recipients,
            body=row.note,
            kind=Kind.FILE,
            client_id=row.client_id,
            blockers=blockers,
        )
        return replace(message, file=FileFacts(row.id, row.name, row.size, sha256))

    def share(
        self,
        owner: Account,
        *recipients: Account,
        sha256: bytes = b"d" * 32,
        blockers: Sequence[Account] = (),
        **fields: Any,
    ) -> FileRow:
        """Upload a file and offer it."""
        row = self.upload(owner, *recipients, **fields)
        stored(self.commit(self.offer(row, sha256=sha256, blockers=blockers))[0])
        return self.file(row)

    def file(self, row: FileRow) -> FileRow:
        """The same file as it is now."""
        found = self.store.files.find(row.id)
        assert found is not None
        return found

    def present(self, account: Account, *, online: bool, now: int) -> None:
        """The account comes or goes."""
        self.store.commit(Group(presence=[(account.id, online, now)]))

    def bodies(self, owner: Account, query: Query | None = None) -> list[str]:
        """What the inbox holds, or what a history request finds in it."""
        if query is not None:
            return [item.body for item in self.store.history(owner.id, query).items]
        return [item.body for item in self.store.inbox_after(owner.id, 0, 1000, 1 << 30)]


def stored(outcome: Outcome) -> Stored:
    """An outcome that must be a stored message."""
    assert isinstance(outcome, Stored)
    return outcome


def everything(store: Store, account: Account, ids: list[MessageId]) -> tuple[Any, ...]:
    """All that a store tells about one account."""
    items = store.inbox_after(account.id, 0, 10_000, 1 << 40)
    marks = store.marks(account.id)
    assert [item.seq for item in items] == list(range(1, marks.head + 1))
    assert marks.read <= marks.received <= marks.head
    return (
        store.account(account.id),
        store.account_by_name(account.name),
        list(store.devices(account.id)),
        list(store.blocked_by(account.id)),
        set(store.blockers_of(account.id)),
        marks,
        list(items),
        {identity: list(rows) for identity, rows in store.receipts(account.id, ids, 999).items()},
        [(row, list(fetches)) for row, fetches in store.files.sent(account.id, None, 999, 1 << 40).files],
        [(row, list(fetches)) for row, fetches in store.files.received(account.id, None, 999, 1 << 40).files],
        store.files.usage(account.id),
    )


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """An empty store of each backend."""
    opened = BACKENDS[request.param](tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def desk(store: Store) -> Desk:
    """The desk of `store`."""
    return Desk(store)

"""The embedded store: one SQLite file, one writer, and readers beside it.

Identity (accounts, devices, blacklists) and the marks of inboxes are small and asked for on each request, so
they are held in memory and written through; messages are not. Every method is one transaction. See Store for
the contract.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import apsw
import structlog

from cnmessage_broker.store.directory import HeldDirectory
from cnmessage_broker.store.ports.reader import Reader
from cnmessage_broker.store.ports.records import (
    Account,
    AccountId,
    Conflict,
    ConversationRow,
    Device,
    Found,
    Group,
    Marks,
    NameTakenError,
    Outcome,
    Owner,
    PasswordChangedError,
    Place,
    Query,
    Stored,
    StoreError,
    Submission,
    UserRow,
)
from cnmessage_broker.store.sqlite.checksums import message_checksum
from cnmessage_broker.store.sqlite.database import Database
from cnmessage_broker.store.sqlite.files import SqliteFiles
from cnmessage_broker.store.sqlite.growth import Growth
from cnmessage_broker.store.sqlite.incarnation import current_epoch
from cnmessage_broker.store.sqlite.looking_back import peer_of
from cnmessage_broker.store.sqlite.migrate import UnusableDatabaseError
from cnmessage_broker.store.sqlite.places import pack_places
from cnmessage_broker.store.sqlite.reader import SqlitePages, SqliteReader
from cnmessage_broker.store.sqlite.sections import EVERYONE, SIZE
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import InboxItem, Kind


class SqliteStore:
    """Store in one SQLite file. `randomness(n)` gives n random bytes for epochs; `log` hears of long work.

    `section` is how many items a section has: always the same for one file.
    """

    def __init__(
        self,
        path: Path,
        randomness: Callable[[int], bytes],
        log: structlog.typing.FilteringBoundLogger | None = None,
        *,
        section: int = SIZE,
    ) -> None:
        self._section = section
        self._db = Database(path, log)
        try:
            self._directory = HeldDirectory(current_epoch(self._db.connection, path, randomness))
            with self._db.transaction():
                self._db.run("all_left")
            self._load()
        except (apsw.Error, StoreError, OSError) as error:
            self._db.connection.close()
            raise UnusableDatabaseError(f"{path} cannot be used: {error}") from error
        self.files = SqliteFiles(self._db, self._directory.accounts)
        self._pages = SqlitePages(self._db, self._directory, self.files, section)

    def _load(self) -> None:
        """Fetch what is held in memory."""
        for identity, name, password, created, *marks in self._db.run("accounts"):
            self._directory.keep_account(Account(identity, name, password, created), Marks(*marks))
        for row in self._db.run("all_devices"):
            self._directory.keep_device(Device(*row))
        for owner, target in self._db.run("all_blocks"):
            self._directory.keep_block(owner, target)

    def one_state(self) -> AbstractContextManager[None]:
        return nullcontext()  # nobody else writes

    def reader(self) -> Reader:
        return SqliteReader(self._db.beside(), self._directory, self._section)

    # -- what is held in memory -------------------------------------------------------------------

    @property
    def epoch(self) -> bytes:
        return self._directory.epoch

    def account_by_name(self, name: str) -> Account | None:
        return self._directory.account_by_name(name)

    def account(self, account: AccountId) -> Account | None:
        return self._directory.account(account)

    def device(self, key: str) -> Device | None:
        return self._directory.device(key)

    def devices(self, account: AccountId) -> Sequence[Device]:
        return self._directory.devices(account)

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        return self._directory.blocked_by(owner)

    def blockers_of(self, sender: AccountId) -> Collection[AccountId]:
        return self._directory.blockers_of(sender)

    def marks(self, owner: Owner) -> Marks:
        return self._directory.marks(owner)

    # -- identity ---------------------------------------------------------------------------------

    def create_account(self, name: UserName, password: str, now: int) -> Account:
        if self._directory.account_by_name(name) is not None:
            raise NameTakenError(name)
        with self._db.transaction():
            ((identity,),) = self._db.run("add_account", (name, password, now))
        account = Account(identity, name, password, now)
        self._directory.keep_account(account, Marks(0, 0, 0, 0, None, 0))
        return account

    def change_password(
        self, account: AccountId, password: str, keep: str, *, was: str | None = None
    ) -> list[Device]:
        known = self._with_password(account, was)
        with self._db.transaction():
            self._db.run("set_password", (password, account))
            gone = [Device(*row) for row in self._db.run("unbind_others", (account, keep))]
        self._directory.keep_account(replace(known, password=password))
        self._directory.drop_devices(gone)
        return gone

    def bind_device(
        self, key: str, account: AccountId, label: str, now: int, *, password: str | None = None
    ) -> Device:
        self._with_password(account, password)
        earlier = self._directory.device(key)
        with self._db.transaction():
            if earlier is not None and earlier.account == account:
                (row,) = self._db.run("rebind_device", (label, now, key))
            else:
                self._db.run("unbind_key", (key,))
                (row,) = self._db.run("bind_device", (key, account, label, now, now))
        device = Device(*row)
        self._directory.keep_device(device)
        return device

    def _with_password(self, account: AccountId, password: str | None) -> Account:
        known = self._directory.accounts[account]
        if password is not None and known.password != password:
            raise PasswordChangedError(known.name)
        return known

    def unbind_device(self, account: AccountId, device: int) -> Device | None:
        known = next((each for each in self.devices(account) if each.id == device), None)
        if known is not None:
            with self._db.transaction():
                self._db.run("unbind_device", (account, device))
            self._directory.drop_devices([known])
        return known

    def block(self, owner: Owner, target: AccountId) -> bool:
        if owner in self.blockers_of(target):
            return False
        with self._db.transaction():
            self._db.run("block", (owner, target))
        self._directory.keep_block(owner, target)
        return True

    def unblock(self, owner: Owner, target: AccountId) -> bool:
        if owner not in self.blockers_of(target):
            return False
        with self._db.transaction():
            self._db.run("unblock", (owner, target))
        self._directory.drop_block(owner, target)
        return True

    # -- messages ---------------------------------------------------------------------------------

    def commit(self, group: Group) -> list[Outcome]:
        grown = self._growth()
        try:
            with self._db.transaction():
                outcomes = self._append_fresh(group.submissions, grown)
                marks = self._finish(group, grown)
        except _RepeatedIdError:
            # Some client ids stand for something: after a lost answer, mostly. Rare, so only now one by one.
            grown = self._growth()
            with self._db.transaction():
                outcomes = [self._append_checked(each, grown) for each in group.submissions]
                marks = self._finish(group, grown)
        self._directory.keep_marks(marks)
        for key, now in group.seen.items():
            device = self._directory.device(key)
            if device is not None:
                self._directory.keep_device(replace(device, last_seen=now))
        return outcomes

    def _growth(self) -> Growth:
        peers = partial(peer_of, directory=self._directory)
        return Growth(self._db, self._directory.marks, peers, self._section)

    def has_message(self, sender: AccountId, client_id: ClientId) -> bool:
        return bool(self._db.run("find_message", (sender, client_id)))

    def _append_fresh(self, submissions: Sequence[Submission], grown: Growth) -> list[Outcome]:
        messages: list[tuple[Any, ...]] = []
        inbox: list[tuple[Any, ...]] = []
        if self.files.uploading(submissions):
            raise _RepeatedIdError
        placed = [self._place(each, grown, messages, inbox) for each in submissions]
        try:
            self._db.many("add_message", messages)
        except apsw.ConstraintError as error:
            raise _RepeatedIdError from error
        self._db.many("add_inbox", inbox)
        for new, place in zip(submissions, placed, strict=True):
            if new.file is not None:
                self.files.complete(new, new.file, place)
        return [*placed]

    def _append_checked(self, new: Submission, grown: Growth) -> Outcome:
        for identity, kind, to, body, own_seq, places in self._db.run(
            "find_message",
            (new.sender, new.client_id),
        ):
            if (kind, to, body) != (int(new.kind), " ".join(new.to), new.body):
                return Conflict.CLIENT_ID
            return Stored(MessageId(identity), own_seq, tuple(self._pages.places(places)), fresh=False)
        if self.files.uploading([new]):
            return Conflict.CLIENT_ID
        return self._append_fresh([new], grown)[0]

    def _place(
        self,
        new: Submission,
        grown: Growth,
        messages: list[tuple[Any, ...]],
        inbox: list[tuple[Any, ...]],
    ) -> Stored:
        own_seq = 0
        places: list[tuple[Owner, int]] = []
        broadcast = new.kind is Kind.BROADCAST
        sent_to = EVERYONE if broadcast else new.recipients[0] if len(new.recipients) == 1 else None
        sent_by = EVERYONE if broadcast else new.sender
        for owner in new.recipients:
            if owner in new.withheld:
                places.append((owner, 0))
                continue
            seq = grown.next_seq(owner)
            inbox.append((owner, seq, new.id, 0, sent_to if owner == new.sender else sent_by, new.time))
            places.append((owner, seq))
            if owner == new.sender:
                own_seq = seq
        if not own_seq:
            own_seq = grown.next_copy(new.sender)
            inbox.append((new.sender, own_seq, new.id, 1, sent_to, new.time))
        messages.append(_message_row(new, own_seq, pack_places(places)))
        return Stored(new.id, own_seq, tuple(places), fresh=True)

    def _finish(self, group: Group, grown: Growth) -> dict[Owner, Marks]:
        """Write down how the inboxes stand now, and who was seen; gives the marks that changed."""
        grown.fill_sections()
        marks = grown.marks(group)
        rows = [(*_mark_row(each), owner) for owner, each in marks.items()]
        self._db.many("set_marks", rows)
        seen = {each.sender: each.time for each in group.submissions}
        seen |= {owner: now for owner, _, now in group.presence}
        self._db.many("seen_at", [(time, owner) for owner, time in seen.items()])
        self._db.many("saw_device", [(time, key) for key, time in group.seen.items()])
        return marks

    # -- pages ------------------------------------------------------------------------------------

    def users(self, after: str, limit: int) -> Sequence[UserRow]:
        return self._pages.users(after, limit)

    def inbox_after(self, owner: Owner, after: int, limit: int, max_bytes: int) -> Sequence[InboxItem]:
        return self._pages.inbox_after(owner, after, limit, max_bytes)

    def history(self, owner: Owner, query: Query) -> Found:
        return self._pages.history(owner, query)

    def conversations(
        self, owner: Owner, behind: Place | None, limit: int, max_bytes: int
    ) -> Sequence[ConversationRow]:
        return self._pages.conversations(owner, behind, limit, max_bytes)

    def receipts(
        self, sender: AccountId, ids: Sequence[MessageId], limit: int
    ) -> Mapping[MessageId, Sequence[tuple[UserName, bool, bool]]]:
        return self._pages.receipts(sender, ids, limit)

    def close(self) -> None:
        self._db.close()


def _message_row(new: Submission, own_seq: int, places: bytes) -> tuple[Any, ...]:
    to, kind = " ".join(new.to), int(new.kind)
    checksum = message_checksum(
        new.id, new.sender, new.client_id, kind, to.encode(), new.body.encode(), new.time, own_seq, places
    )
    return new.id, new.sender, new.client_id, kind, to, new.body, new.time, own_seq, places, checksum


def _mark_row(marks: Marks) -> tuple[int | None, ...]:
    return marks.head, marks.read, marks.received, marks.away_from, marks.away_upto, marks.unread


class _RepeatedIdError(Exception):
    """A client id of this group stands for something already."""

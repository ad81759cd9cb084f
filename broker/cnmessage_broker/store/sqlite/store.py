"""The embedded store: one SQLite file, one connection, one writer.

Identity (accounts, devices, blacklists) is small and asked for on each request, so it is held in memory and
written through; messages and inboxes are not. Every method is one transaction. See Store for the contract.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, assert_never

import apsw
import structlog

from cnmessage_broker.store.ports.records import (
    MOST_UNREAD,
    SEEN_GRAIN,
    Account,
    AccountId,
    Conflict,
    Device,
    Found,
    Group,
    Marks,
    NameTakenError,
    Outcome,
    Owner,
    Query,
    Stored,
    StoreError,
    Submission,
    UserRow,
)
from cnmessage_broker.store.sqlite.checksums import message_checksum
from cnmessage_broker.store.sqlite.database import Database
from cnmessage_broker.store.sqlite.files import SqliteFiles
from cnmessage_broker.store.sqlite.inboxes import Inboxes
from cnmessage_broker.store.sqlite.incarnation import current_epoch
from cnmessage_broker.store.sqlite.migrate import UnusableDatabaseError
from cnmessage_broker.store.sqlite.places import pack_places
from cnmessage_protocol.conversation import Direct, Everyone
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import InboxItem


class SqliteStore:
    """Store in one SQLite file. `randomness(n)` gives n random bytes for epochs; `log` hears of long work."""

    def __init__(
        self,
        path: Path,
        randomness: Callable[[int], bytes],
        log: structlog.typing.FilteringBoundLogger | None = None,
    ) -> None:
        self._db = Database(path, log)
        try:
            self._epoch = current_epoch(self._db.connection, path, randomness)
            with self._db.transaction():
                self._db.run("all_left")
            self._load()
        except (apsw.Error, StoreError, OSError) as error:
            self._db.connection.close()
            raise UnusableDatabaseError(f"{path} cannot be used: {error}") from error
        self._heads: dict[Owner, int] = {}
        self.files = SqliteFiles(self._db, self._accounts)
        self._inboxes = Inboxes(self._db, self._accounts, self.files.facts)

    def _load(self) -> None:
        """Fetch what is held in memory."""
        self._accounts: dict[AccountId, Account] = {row[0]: Account(*row) for row in self._db.run("accounts")}
        self._names = {account.name: account for account in self._accounts.values()}
        self._devices: dict[str, Device] = {}
        self._devices_of: dict[AccountId, dict[int, Device]] = {}
        for row in self._db.run("all_devices"):
            self._keep_device(Device(*row))
        self._blockers: dict[AccountId, set[Owner]] = {}
        self._blocked: dict[Owner, set[AccountId]] = {}
        for owner, target in self._db.run("all_blocks"):
            self._keep_block(owner, target)

    @property
    def epoch(self) -> bytes:
        return self._epoch

    # -- identity ---------------------------------------------------------------------------------

    def create_account(self, name: UserName, password: str, now: int) -> Account:
        if name in self._names:
            raise NameTakenError(name)
        with self._db.transaction():
            ((identity,),) = self._db.run("add_account", (name, password, now))
        account = Account(identity, name, password, now)
        self._accounts[identity] = self._names[name] = account
        return account

    def account_by_name(self, name: str) -> Account | None:
        return self._names.get(UserName(name))

    def account(self, account: AccountId) -> Account | None:
        return self._accounts.get(account)

    def users(self, after: str, limit: int) -> Sequence[UserRow]:
        return [UserRow(*row) for row in self._db.run("users", (after, limit))]

    def change_password(self, account: AccountId, password: str, keep: str) -> Sequence[Device]:
        with self._db.transaction():
            self._db.run("set_password", (password, account))
            gone = [Device(*row) for row in self._db.run("unbind_others", (account, keep))]
        changed = replace(self._accounts[account], password=password)
        self._accounts[account] = self._names[changed.name] = changed
        for device in gone:
            self._drop_device(device)
        return gone

    def bind_device(self, key: str, account: AccountId, label: str, now: int) -> Device:
        earlier = self._devices.get(key)
        with self._db.transaction():
            if earlier is not None and earlier.account == account:
                (row,) = self._db.run("rebind_device", (label, now, key))
            else:
                self._db.run("unbind_key", (key,))
                (row,) = self._db.run("bind_device", (key, account, label, now, now))
        if earlier is not None:
            self._drop_device(earlier)
        return self._keep_device(Device(*row))

    def device(self, key: str) -> Device | None:
        return self._devices.get(key)

    def devices(self, account: AccountId) -> Sequence[Device]:
        mine = self._devices_of.get(account, {})
        return [mine[each] for each in sorted(mine)]

    def unbind_device(self, account: AccountId, device: int) -> Device | None:
        known = self._devices_of.get(account, {}).get(device)
        if known is not None:
            with self._db.transaction():
                self._db.run("unbind_device", (account, device))
            self._drop_device(known)
        return known

    def saw_device(self, key: str, now: int) -> None:
        device = self._devices.get(key)
        if device is not None and abs(now - device.last_seen) >= SEEN_GRAIN:
            with self._db.transaction():
                self._db.run("saw_device", (now, key))
            self._keep_device(replace(device, last_seen=now))

    def _keep_device(self, device: Device) -> Device:
        self._devices[device.key] = device
        self._devices_of.setdefault(device.account, {})[device.id] = device
        return device

    def _drop_device(self, device: Device) -> None:
        del self._devices[device.key]
        del self._devices_of[device.account][device.id]

    def block(self, owner: Owner, target: AccountId) -> bool:
        if owner in self.blockers_of(target):
            return False
        with self._db.transaction():
            self._db.run("block", (owner, target))
        self._keep_block(owner, target)
        return True

    def unblock(self, owner: Owner, target: AccountId) -> bool:
        if owner not in self.blockers_of(target):
            return False
        with self._db.transaction():
            self._db.run("unblock", (owner, target))
        self._blockers[target].discard(owner)
        self._blocked[owner].discard(target)
        return True

    def _keep_block(self, owner: Owner, target: AccountId) -> None:
        self._blockers.setdefault(target, set()).add(owner)
        self._blocked.setdefault(owner, set()).add(target)

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        return sorted(self._accounts[target].name for target in self._blocked.get(owner, ()))

    def blockers_of(self, sender: AccountId) -> Collection[AccountId]:
        return self._blockers.get(sender, frozenset())

    # -- messages ---------------------------------------------------------------------------------

    def commit(self, group: Group) -> list[Outcome]:
        heads: dict[Owner, int] = {}
        try:
            with self._db.transaction():
                outcomes = self._append_fresh(group.submissions, heads)
                self._finish(group, heads)
        except _RepeatedIdError:
            # Some client ids stand for something: after a lost answer, mostly. Rare, so only now one by one.
            heads = {}
            with self._db.transaction():
                outcomes = [self._append_checked(each, heads) for each in group.submissions]
                self._finish(group, heads)
        self._heads |= heads
        return outcomes

    def has_message(self, sender: AccountId, client_id: ClientId) -> bool:
        return bool(self._db.run("find_message", (sender, client_id)))

    def _append_fresh(self, submissions: Sequence[Submission], heads: dict[Owner, int]) -> list[Outcome]:
        messages: list[tuple[Any, ...]] = []
        inbox: list[tuple[Any, ...]] = []
        if self.files.uploading(submissions):
            raise _RepeatedIdError
        placed = [self._place(each, heads, messages, inbox) for each in submissions]
        try:
            self._db.many("add_message", messages)
        except apsw.ConstraintError as error:
            raise _RepeatedIdError from error
        self._db.many("add_inbox", inbox)
        for new, place in zip(submissions, placed, strict=True):
            if new.file is not None:
                self.files.complete(new, new.file, place)
        return [*placed]

    def _append_checked(self, new: Submission, heads: dict[Owner, int]) -> Outcome:
        for identity, kind, to, body, own_seq, places in self._db.run(
            "find_message",
            (new.sender, new.client_id),
        ):
            if (kind, to, body) != (int(new.kind), " ".join(new.to), new.body):
                return Conflict.CLIENT_ID
            return Stored(MessageId(identity), own_seq, tuple(self._inboxes.places(places)), fresh=False)
        if self.files.uploading([new]):
            return Conflict.CLIENT_ID
        return self._append_fresh([new], heads)[0]

    def _place(
        self,
        new: Submission,
        heads: dict[Owner, int],
        messages: list[tuple[Any, ...]],
        inbox: list[tuple[Any, ...]],
    ) -> Stored:
        own_seq = 0
        flat: list[int] = []
        for owner in new.recipients:
            if owner in new.withheld:
                flat += (owner, 0)
                continue
            seq = self._next_seq(owner, heads)
            inbox.append((owner, seq, new.id, 0))
            flat += (owner, seq)
            if owner == new.sender:
                own_seq = seq
        if not own_seq:
            own_seq = self._next_seq(new.sender, heads)
            inbox.append((new.sender, own_seq, new.id, 1))
        messages.append(_message_row(new, own_seq, pack_places(flat)))
        pairs = tuple(zip(flat[::2], flat[1::2], strict=True))
        return Stored(new.id, own_seq, pairs, fresh=True)

    def _next_seq(self, owner: Owner, heads: dict[Owner, int]) -> int:
        head = heads.get(owner)
        if head is None:
            head = self._heads.get(owner)
            if head is None:
                ((head,),) = self._db.run("head", (owner,))
        heads[owner] = head + 1
        return head + 1

    def _finish(self, group: Group, heads: Mapping[Owner, int]) -> None:
        self._db.many("set_head", [(head, owner) for owner, head in heads.items()])
        sent = {each.sender: each.time for each in group.submissions}
        self._db.many("sent_at", [(time, sender) for sender, time in sent.items()])
        self._db.many("set_read", [{"owner": owner, "upto": upto} for owner, upto in group.read.items()])
        received = [{"owner": owner, "upto": upto} for owner, upto in group.received.items()]
        self._db.many("set_received", received)
        for owner, online, now in group.presence:
            self._db.run("arrived" if online else "left", (now, owner))

    def marks(self, owner: Owner) -> Marks:
        (row,) = self._db.run("marks", (owner,))
        return Marks(*row)

    def inbox_after(self, owner: Owner, after: int, limit: int, max_bytes: int) -> Sequence[InboxItem]:
        return self._inboxes.after(owner, after, limit, max_bytes)

    def history(self, owner: Owner, query: Query) -> Found:
        match query.conversation:
            case Direct(name):
                peer = self._names.get(name)
                return self._inboxes.history(owner, query, name, None if peer is None else peer.id)
            case Everyone() | None:
                return self._inboxes.history(owner, query, None, None)
            case _ as never:
                assert_never(never)

    def unread(self, owner: Owner) -> int:
        ((count,),) = self._db.run("unread", {"owner": owner, "most": MOST_UNREAD})
        return int(count)

    def receipts(
        self, sender: AccountId, ids: Sequence[MessageId], limit: int
    ) -> Mapping[MessageId, Sequence[tuple[UserName, bool, bool]]]:
        return self._inboxes.receipts(sender, ids, limit)

    def close(self) -> None:
        self._db.close()


def _message_row(new: Submission, own_seq: int, places: bytes) -> tuple[Any, ...]:
    to, kind = " ".join(new.to), int(new.kind)
    checksum = message_checksum(
        new.id, new.sender, new.client_id, kind, to.encode(), new.body.encode(), new.time, own_seq, places
    )
    return new.id, new.sender, new.client_id, kind, to, new.body, new.time, own_seq, places, checksum


class _RepeatedIdError(Exception):
    """A client id of this group stands for something already."""

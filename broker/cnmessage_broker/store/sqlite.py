"""The embedded store: one SQLite file, one connection, one writer.

Identity (accounts, devices, blocklists) is small and asked for on each request, so it is held in memory and
written through; messages and inboxes are not. Every method is one transaction. See ports.Store.
"""

import struct
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import apsw

from cnmessage_broker.ports import (
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
from cnmessage_broker.store.database import Database
from cnmessage_broker.store.incarnation import settle_epoch
from cnmessage_broker.store.migrate import UnusableDatabaseError
from cnmessage_broker.store.sqlite_files import SqliteFiles
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Direction, InboxItem, Kind


class SqliteStore(SqliteFiles):
    """Store in one SQLite file. `randomness(n)` gives n random bytes for epochs."""

    def __init__(self, path: Path, randomness: Callable[[int], bytes]) -> None:
        self._db = Database(path)
        try:
            self._epoch = settle_epoch(self._db.connection, path, randomness)
            with self._db.transaction():
                self._db.run("all_left")
        except (apsw.Error, StoreError, OSError) as error:
            self._db.connection.close()
            raise UnusableDatabaseError(f"{path} cannot be written: {error}") from error
        self._accounts: dict[AccountId, Account] = {row[0]: Account(*row) for row in self._db.run("accounts")}
        self._names = {account.name: account for account in self._accounts.values()}
        self._devices = {row[1]: Device(*row) for row in self._db.run("all_devices")}
        self._blockers: dict[AccountId, set[Owner]] = {}
        for owner, target in self._db.run("all_blocks"):
            self._blockers.setdefault(target, set()).add(owner)
        self._heads: dict[Owner, int] = {}

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
            del self._devices[device.key]
        return gone

    def bind_device(self, key: str, account: AccountId, label: str, now: int) -> Device:
        earlier = self._devices.get(key)
        with self._db.transaction():
            if earlier is not None and earlier.account == account:
                (row,) = self._db.run("rebind_device", (label, now, key))
            else:
                self._db.run("unbind_key", (key,))
                (row,) = self._db.run("bind_device", (key, account, label, now, now))
        device = self._devices[key] = Device(*row)
        return device

    def device(self, key: str) -> Device | None:
        return self._devices.get(key)

    def devices(self, account: AccountId) -> Sequence[Device]:
        mine = [device for device in self._devices.values() if device.account == account]
        return sorted(mine, key=lambda device: device.id)

    def unbind_device(self, account: AccountId, device: int) -> Device | None:
        known = next((each for each in self.devices(account) if each.id == device), None)
        if known is not None:
            with self._db.transaction():
                self._db.run("unbind_device", (account, device))
            del self._devices[known.key]
        return known

    def saw_device(self, key: str, now: int) -> None:
        device = self._devices.get(key)
        if device is not None and abs(now - device.last_seen) >= SEEN_GRAIN:
            with self._db.transaction():
                self._db.run("saw_device", (now, key))
            self._devices[key] = replace(device, last_seen=now)

    def block(self, owner: Owner, target: AccountId) -> bool:
        if owner in self.blockers_of(target):
            return False
        with self._db.transaction():
            self._db.run("block", (owner, target))
        self._blockers.setdefault(target, set()).add(owner)
        return True

    def unblock(self, owner: Owner, target: AccountId) -> bool:
        if owner not in self.blockers_of(target):
            return False
        with self._db.transaction():
            self._db.run("unblock", (owner, target))
        self._blockers[target].discard(owner)
        return True

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        return sorted(self._accounts[target].name for target, who in self._blockers.items() if owner in who)

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
            # Some client ids were seen before: after a lost answer. Rare, so only now one by one.
            heads = {}
            with self._db.transaction():
                outcomes = [self._append_checked(each, heads) for each in group.submissions]
                self._finish(group, heads)
        self._heads |= heads
        return outcomes

    def _append_fresh(self, submissions: Sequence[Submission], heads: dict[Owner, int]) -> list[Outcome]:
        messages: list[tuple[Any, ...]] = []
        inbox: list[tuple[Any, ...]] = []
        placed = [self._place(each, heads, messages, inbox) for each in submissions]
        try:
            self._db.many("add_message", messages)
        except apsw.ConstraintError as error:
            raise _RepeatedIdError from error
        self._db.many("add_inbox", inbox)
        for new, place in zip(submissions, placed, strict=True):
            if new.file is not None:
                self._complete(new, new.file, place)
        return [*placed]

    def _append_checked(self, new: Submission, heads: dict[Owner, int]) -> Outcome:
        for identity, kind, to, body, own_seq, places in self._db.run(
            "find_message",
            (new.sender, new.client_id),
        ):
            if (kind, to, body) != (int(new.kind), " ".join(new.to), new.body):
                return Conflict.CLIENT_ID
            return Stored(MessageId(identity), own_seq, _unpack(places), fresh=False)
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
        places = struct.pack(f"<{len(flat)}q", *flat)
        messages.append(
            (
                new.id,
                new.sender,
                new.client_id,
                int(new.kind),
                " ".join(new.to),
                new.body,
                new.time,
                own_seq,
                places,
            ),
        )
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
        chosen: list[InboxItem] = []
        size = 0
        for row in self._db.each("inbox_after", (owner, after, limit)):
            item = self._item(owner, row)
            size += item.size
            if chosen and size > max_bytes:
                break
            chosen.append(item)
        return chosen

    def history(self, owner: Owner, query: Query) -> Found:
        head = self.marks(owner).head
        upto = head if query.upto is None else min(query.upto, head)
        floor = max(query.above, upto - query.scan)
        peer = None if query.peer is None else self._names.get(query.peer)
        rows = self._db.run(
            "history",
            {
                "owner": owner,
                "floor": floor,
                "upto": upto,
                "peer": query.peer,
                "peer_id": None if peer is None else peer.id,
                "received_only": query.received_only,
                "direct_only": query.direct_only,
                "since": query.since,
                "until": query.until,
                "limit": query.limit,
            },
        )
        items = [self._item(owner, row) for row in reversed(rows)]
        seen_to = items[0].seq - 1 if len(items) == query.limit else min(floor, upto)
        return Found(items, more=seen_to > query.above, before=seen_to + 1)

    def unread(self, owner: Owner) -> int:
        ((count,),) = self._db.run("unread", {"owner": owner})
        return int(count)

    def receipts(
        self,
        sender: AccountId,
        ids: Sequence[MessageId],
    ) -> Mapping[MessageId, Sequence[tuple[UserName, bool, bool]]]:
        found: dict[MessageId, Sequence[tuple[UserName, bool, bool]]] = {}
        for identity in ids:
            for (places,) in self._db.run("receipts", (identity, sender)):
                found[identity] = [self._progress(owner, seq) for owner, seq in _unpack(places)]
        return found

    def _progress(self, owner: Owner, seq: int) -> tuple[UserName, bool, bool]:
        marks, arrived = self.marks(owner), seq > 0
        name = self._accounts[owner].name
        return name, arrived and marks.received >= seq, arrived and marks.read >= seq

    def close(self) -> None:
        self._db.close()

    # -- inner ------------------------------------------------------------------------------------

    def _item(self, owner: Owner, row: Sequence[Any]) -> InboxItem:
        seq, direction, identity, kind, sender, to, time, body, client_id = row
        return InboxItem(
            seq,
            Direction(direction),
            MessageId(identity),
            Kind(kind),
            self._accounts[sender].name,
            tuple([UserName(name) for name in to.split()]),
            time,
            body,
            ClientId(client_id) if sender == owner else None,
            self._facts(identity) if kind == Kind.FILE else None,
        )


class _RepeatedIdError(Exception):
    """A client id of this group is stored already."""


def _unpack(places: bytes) -> tuple[tuple[int, int], ...]:
    return tuple(struct.iter_unpack("<qq", places))

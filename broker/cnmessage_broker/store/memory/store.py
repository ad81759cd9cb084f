"""The store as a reference model: plain dictionaries, nothing on disk.

Small enough to be seen correct; tests hold every other backend against it. Serves as a throw-away store in
tests and demonstrations, never for real users.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from itertools import accumulate
from typing import assert_never

from msgspec import structs

from cnmessage_broker.store.memory.files import MemoryFiles
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
    Submission,
    UserRow,
)
from cnmessage_protocol.conversation import Conversation, Direct, Everyone, to_wire
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import Direction, FileFacts, InboxItem, Kind


@dataclass(slots=True)
class _Inbox:
    items: list[InboxItem] = field(default_factory=list)
    read: int = 0
    read_in: dict[Conversation, int] = field(default_factory=dict)
    received: int = 0
    away_from: int = 0
    away_upto: int | None = None
    last_seen: int | None = None

    @property
    def unread(self) -> list[InboxItem]:
        """Received items that are not read."""
        received = [item for item in self.items if item.direction is Direction.RECEIVED]
        return [item for item in received if item.seq > self.read_upto(_received_in(item))]

    def read_upto(self, conversation: Conversation) -> int:
        """How far a conversation is read."""
        return max(self.read, self.read_in.get(conversation, 0))


class MemoryStore:
    """Store in dictionaries; see Store for the contract."""

    def __init__(self, epoch: bytes) -> None:
        self._epoch = epoch
        self._accounts: dict[AccountId, Account] = {}
        self.files = MemoryFiles(self._accounts)
        self._names: dict[str, AccountId] = {}
        self._devices: dict[str, Device] = {}
        self._last_device = 0
        self._blocks: set[tuple[Owner, AccountId]] = set()
        self._inboxes: dict[Owner, _Inbox] = {}
        self._messages: dict[tuple[AccountId, ClientId], tuple[Submission, Stored]] = {}

    @property
    def epoch(self) -> bytes:
        return self._epoch

    def reader(self) -> "MemoryStore":
        return self

    def one_state(self) -> AbstractContextManager[None]:
        return nullcontext()

    def create_account(self, name: UserName, password: str, now: int) -> Account:
        if name in self._names:
            raise NameTakenError(name)
        account = Account(len(self._accounts) + 1, name, password, now)
        self._accounts[account.id] = account
        self._names[name] = account.id
        self._inboxes[account.id] = _Inbox()
        return account

    def account_by_name(self, name: str) -> Account | None:
        return self._accounts.get(self._names.get(name, 0))

    def account(self, account: AccountId) -> Account | None:
        return self._accounts.get(account)

    def users(self, after: str, limit: int) -> Sequence[UserRow]:
        names = sorted(self._names)
        chosen = names[bisect_right(names, after) :][:limit]
        return [
            UserRow(self._names[name], UserName(name), self._inboxes[self._names[name]].last_seen)
            for name in chosen
        ]

    def change_password(
        self, account: AccountId, password: str, keep: str, *, was: str | None = None
    ) -> list[Device]:
        self._expect(account, was)
        self._accounts[account] = replace(self._accounts[account], password=password)
        gone = [device for device in self.devices(account) if device.key != keep]
        for device in gone:
            del self._devices[device.key]
        return gone

    def bind_device(
        self, key: str, account: AccountId, label: str, now: int, *, password: str | None = None
    ) -> Device:
        self._expect(account, password)
        earlier = self._devices.get(key)
        if earlier is not None and earlier.account == account:
            device = replace(earlier, label=label, last_seen=now)
        else:
            self._last_device += 1
            device = Device(self._last_device, key, account, label, now, now)
        self._devices[key] = device
        return device

    def _expect(self, account: AccountId, password: str | None) -> None:
        known = self._accounts[account]
        if password is not None and known.password != password:
            raise PasswordChangedError(known.name)

    def device(self, key: str) -> Device | None:
        return self._devices.get(key)

    def devices(self, account: AccountId) -> Sequence[Device]:
        mine = [device for device in self._devices.values() if device.account == account]
        return sorted(mine, key=lambda device: device.id)

    def unbind_device(self, account: AccountId, device: int) -> Device | None:
        for each in self.devices(account):
            if each.id == device:
                return self._devices.pop(each.key)
        return None

    def block(self, owner: Owner, target: AccountId) -> bool:
        fresh = (owner, target) not in self._blocks
        self._blocks.add((owner, target))
        return fresh

    def unblock(self, owner: Owner, target: AccountId) -> bool:
        known = (owner, target) in self._blocks
        self._blocks.discard((owner, target))
        return known

    def blocked_by(self, owner: Owner) -> Sequence[UserName]:
        return sorted(self._accounts[target].name for each, target in self._blocks if each == owner)

    def blockers_of(self, sender: AccountId) -> Collection[AccountId]:
        return {owner for owner, target in self._blocks if target == sender}

    def commit(self, group: Group) -> list[Outcome]:
        outcomes = [self._store(each) for each in group.submissions]
        for sender, time in {each.sender: each.time for each in group.submissions}.items():
            self._inboxes[sender].last_seen = time
        for owner, upto in group.read.items():
            inbox = self._inboxes[owner]
            inbox.read = max(inbox.read, min(upto, len(inbox.items)))
            inbox.received = max(inbox.received, inbox.read)
        for (owner, conversation), wanted in group.read_in.items():
            inbox = self._inboxes[owner]
            upto = min(wanted, len(inbox.items))
            known = conversation == Everyone() or to_wire(conversation) in self._names
            if known and upto > inbox.read_upto(conversation):
                inbox.read_in[conversation] = upto
                if not inbox.unread:
                    inbox.read = inbox.received = len(inbox.items)
        for owner, upto in group.received.items():
            inbox = self._inboxes[owner]
            inbox.received = max(inbox.received, min(upto, len(inbox.items)))
        for owner, online, now in group.presence:
            inbox = self._inboxes[owner]
            inbox.last_seen = now
            if online:
                inbox.away_upto = len(inbox.items)
            else:
                inbox.away_from, inbox.away_upto = len(inbox.items), None
        for key, now in group.seen.items():
            if key in self._devices:
                self._devices[key] = replace(self._devices[key], last_seen=now)
        return outcomes

    def _store(self, new: Submission) -> Outcome:
        known = self._messages.get((new.sender, new.client_id))
        if known is not None:
            submission, stored = known
            same = (submission.to, submission.body, submission.kind) == (new.to, new.body, new.kind)
            return structs.replace(stored, fresh=False) if same else Conflict.CLIENT_ID
        if new.file is None and self.files.is_uploading(new):
            return Conflict.CLIENT_ID
        file = self.files.facts(new)
        places = tuple(
            (owner, 0 if owner in new.withheld else self._enter(new, file, owner, Direction.RECEIVED))
            for owner in new.recipients
        )
        seq = dict(places).get(new.sender) or self._enter(new, file, new.sender, Direction.SENT)
        stored = Stored(new.id, seq, places, fresh=True)
        if file is not None:
            self.files.complete(new, file, stored)
        self._messages[new.sender, new.client_id] = (new, stored)
        return stored

    def _enter(self, new: Submission, file: FileFacts | None, owner: Owner, direction: Direction) -> int:
        items = self._inboxes[owner].items
        client_id = new.client_id if owner == new.sender else None
        seq = len(items) + 1
        items.append(
            InboxItem(
                seq=seq,
                direction=direction,
                id=new.id,
                kind=new.kind,
                sender=new.sender_name,
                to=new.to,
                time=new.time,
                body=new.body,
                client_id=client_id,
                file=file,
                extras=self.files.extras(file),
            ),
        )
        return seq

    def has_message(self, sender: AccountId, client_id: ClientId) -> bool:
        return (sender, client_id) in self._messages

    def marks(self, owner: Owner) -> Marks:
        of = self._inboxes[owner]
        return Marks(len(of.items), of.read, of.received, of.away_from, of.away_upto, len(of.unread))

    def inbox_after(self, owner: Owner, after: int, limit: int, max_bytes: int) -> Sequence[InboxItem]:
        chosen: list[InboxItem] = []
        size = 0
        for item in self._inboxes[owner].items[after : after + limit]:
            size += item.size
            if chosen and size > max_bytes:
                break
            chosen.append(item)
        return chosen

    def history(self, owner: Owner, query: Query) -> Found:
        inbox = self._inboxes[owner]
        items = inbox.items
        if query.unread_only:
            mark = 0 if query.conversation is None else inbox.read_upto(query.conversation)
            query = replace(query, above=max(query.above, inbox.read, mark), received_only=True)
        seq = len(items) if query.upto is None else min(query.upto, len(items))
        chosen: list[InboxItem] = []
        size = 0
        while seq > query.above and len(chosen) < query.limit:
            item = items[seq - 1]
            if matches(item, query) and not (query.unread_only and item not in self._inboxes[owner].unread):
                size += item.size
                if chosen and size > query.max_bytes:
                    break
                chosen.append(item)
            seq -= 1
        return Found(chosen[::-1], more=seq > query.above, before=seq + 1)

    def conversations(
        self, owner: Owner, behind: Place | None, limit: int, max_bytes: int
    ) -> Sequence[ConversationRow]:
        inbox = self._inboxes[owner]
        latest: dict[Conversation, InboxItem] = {}
        for item in inbox.items:
            latest |= dict.fromkeys(_conversations_of(item), item)
        unread = Counter(map(_received_in, inbox.unread))
        rows = [ConversationRow(each, unread[each], inbox.read_upto(each), latest[each]) for each in latest]
        rows = [each for each in rows if behind is None or _place(each) > (-behind[0], behind[1])]
        rows.sort(key=_place)
        fitting = sum(size <= max_bytes for size in accumulate(each.last.size for each in rows))
        return rows[: min(limit, max(1, fitting))]

    def receipts(
        self,
        sender: AccountId,
        ids: Sequence[MessageId],
        limit: int,
    ) -> Mapping[MessageId, Sequence[tuple[UserName, bool, bool]]]:
        wanted = set(ids)
        return {
            stored.id: [self._progress(owner, seq) for owner, seq in stored.places[:limit]]
            for (account, _), (_, stored) in self._messages.items()
            if account == sender and stored.id in wanted
        }

    def _progress(self, owner: Owner, seq: int) -> tuple[UserName, bool, bool]:
        inbox, name = self._inboxes[owner], self._accounts[owner].name
        read = inbox.read_upto(_received_in(inbox.items[seq - 1])) if seq else 0
        return name, 0 < seq <= inbox.received, 0 < seq <= read

    def close(self) -> None:
        """Nothing to release."""


def matches(item: InboxItem, query: Query) -> bool:
    """Whether an item is one the query wants, its seq aside."""
    mine = item.direction is Direction.SENT
    return (
        _belongs(item, query)
        and not (query.received_only and mine)
        and (not query.direct_only or item.kind is not Kind.BROADCAST)
        and (query.since is None or item.time >= query.since)
        and (query.until is None or item.time < query.until)
    )


def _belongs(item: InboxItem, query: Query) -> bool:
    broadcast = item.kind is Kind.BROADCAST
    match query.conversation:
        case None:
            return True
        case Everyone():
            return broadcast
        case Direct(name):
            own = item.client_id is not None  # also one that came back: its sender is among its recipients
            sent = own and name in item.to and not query.received_only
            received = item.direction is Direction.RECEIVED and item.sender == name
            return not broadcast and (sent or received)
        case _ as never:
            assert_never(never)


def _place(row: ConversationRow) -> tuple[int, str]:
    return -row.last.seq, to_wire(row.conversation)


def _received_in(item: InboxItem) -> Conversation:
    return Everyone() if item.kind is Kind.BROADCAST else Direct(item.sender)


def _conversations_of(item: InboxItem) -> tuple[Conversation, ...]:
    if item.client_id is None or item.kind is Kind.BROADCAST:
        return (_received_in(item),)
    return tuple(map(Direct, item.to))

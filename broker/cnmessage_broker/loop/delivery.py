"""Who gets what: names to inboxes before the commit, stored items to listeners after it.

Stored first, then published.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, assert_never

from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Listeners
from cnmessage_broker.store.ports.directory import Directory
from cnmessage_broker.store.ports.records import Account, FileRow, Stored, Submission
from cnmessage_protocol.conversation import Conversation, Direct, Everyone, to_wire
from cnmessage_protocol.deliveries import PUSH_ITEMS, Items
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import MessageId, UserName
from cnmessage_protocol.records import (
    Direction,
    FileFacts,
    InboxItem,
    Kind,
    NewMessage,
    file_extras,
    row_size,
)

PUSH_BYTES = 1 << 17
"""About the most bytes of body in one delivery."""


class Addresses:
    """Where the messages of one request go, as things are in this moment: mostly they go to the same names.

    A recipient who blocks the sender gets nothing, and the sender is not told.
    """

    def __init__(self, directory: Directory, listeners: Listeners, sender: Account, now_ms: int) -> None:
        self._directory = directory
        self._listeners = listeners
        self._sender = sender
        self._now_ms = now_ms
        self._withheld = frozenset(directory.blockers_of(sender.id))
        self._known: dict[tuple[Conversation, ...], tuple[tuple[int, ...], tuple[UserName, ...], Kind]] = {}

    def on(self, message: NewMessage, identity: MessageId) -> Submission:
        """The message with its names resolved; RequestError names the one that is no user."""
        body = message.body
        if isinstance(body, bytes):
            raise RequestError(ErrorCode.BAD_REQUEST, "this broker carries bodies of text only, not of bytes")
        known = self._known.get(message.to)
        if known is None:
            known = self._known[message.to] = self._resolved(message.to)
        recipients, names, kind = known
        sender = self._sender
        return Submission(
            identity,
            message.client_id,
            sender.id,
            sender.name,
            recipients,
            names,
            kind,
            body,
            self._now_ms,
            self._withheld,
        )

    def _resolved(self, to: tuple[Conversation, ...]) -> tuple[tuple[int, ...], tuple[UserName, ...], Kind]:
        recipients: list[int] = []
        kind = Kind.DIRECT
        for conversation in to:
            match conversation:
                case Direct(name):
                    recipients.append(existing(self._directory, name))
                case Everyone():
                    kind = Kind.BROADCAST
                    online = self._listeners.online_owners()
                    recipients += [owner for owner in online if owner != self._sender.id]
                case _ as never:
                    assert_never(never)
        return tuple(recipients), tuple(map(to_wire, to)), kind


def address_file(
    directory: Directory, sender: Account, row: FileRow, facts: FileFacts, identity: MessageId, now_ms: int
) -> Submission:
    """The message that offers an uploaded file; it has the upload's client id and its note as body.

    Who blocks the sender is asked now, not when the upload began.
    """
    return Submission(
        identity,
        row.client_id,
        sender.id,
        sender.name,
        tuple([existing(directory, name) for name in row.to]),
        row.to,
        Kind.FILE,
        row.note,
        now_ms,
        frozenset(directory.blockers_of(sender.id)),
        facts,
        file_extras(row.mtime, row.executable),
    )


def existing(directory: Directory, name: str) -> int:
    """The account of a name; RequestError when it is no user."""
    account = directory.account_by_name(name)
    if account is None:
        raise RequestError(ErrorCode.NO_SUCH_USER, f"there is no user '{name}'")
    return account.id


def width_of(new: Submission, listeners: Listeners) -> int:
    """Inbox rows that it writes, or pushes that it makes if those are more: users may listen many times."""
    if new.kind is Kind.BROADCAST:
        return 1 + max(len(new.recipients), len(listeners))
    return 1 + sum([max(1, len(listeners.of(each))) for each in new.recipients])


def pushes(listeners: Listeners, stored: Iterable[tuple[Submission, Stored]]) -> Iterable[Push]:
    """Deliveries of freshly stored messages to all who are online, in lists, in order.

    They are made as they are asked for: who leaves meanwhile gets no more.
    """
    inboxes: defaultdict[int, _Fresh] = defaultdict(_Fresh)
    online = listeners.online_owners()
    for new, stored_as in stored:
        if not stored_as.fresh:
            continue
        size = row_size(new.body, new.to, new.file)
        own = False
        for owner, seq in stored_as.places:
            if owner == new.sender:
                own = True
            if seq and owner in online:
                inboxes[owner].add(seq, size, _row(new, seq, Direction.RECEIVED, owner))
        if not own and new.sender in online:
            inboxes[new.sender].add(stored_as.seq, size, _row(new, stored_as.seq, Direction.SENT, new.sender))
    for owner, fresh in inboxes.items():
        for listener in [*listeners.of(owner)]:
            # What it does not take it hears of from its next heartbeat, and fetches.
            for items in fresh.lists(listener.take(fresh.places)):
                if listener.granted:
                    yield Push(listener, Items.KIND, {"items": items})


@dataclass(slots=True)
class _Fresh:
    """What is new in one inbox; `places` has (seq, bytes) of each of `rows`."""

    places: list[tuple[int, int]] = field(default_factory=list)
    rows: list[InboxItem] = field(default_factory=list)

    def add(self, seq: int, size: int, row: InboxItem) -> None:
        self.places.append((seq, size))
        self.rows.append(row)

    def lists(self, upto: int) -> Iterator[list[InboxItem]]:
        """The first so many, in lists that make a delivery each."""
        start = filled = 0
        for end in range(upto):
            size = self.places[end][1]
            if end > start and (end - start == PUSH_ITEMS or filled + size > PUSH_BYTES):
                yield self.rows[start:end]
                start, filled = end, 0
            filled += size
        if upto > start:
            yield self.rows[start:upto]


def _row(new: Submission, seq: int, direction: Direction, owner: int) -> InboxItem:
    return InboxItem(  # in the order of the wire, which costs half as much as by names
        seq,
        direction,
        new.id,
        new.kind,
        new.sender_name,
        new.to,
        new.time,
        new.body,
        new.client_id if owner == new.sender else None,
        new.file,
        new.extras,
    )


def notices(listeners: Listeners, kind: str, values: dict[str, Any]) -> Iterable[Push]:
    """The same notice to everyone who is online."""
    return [Push(listener, kind, values) for listener in listeners.all() if listener.granted]

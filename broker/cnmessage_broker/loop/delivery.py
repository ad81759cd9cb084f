"""Who gets what: names to inboxes before the commit, stored items to attachments after it.

Stored first, then published.
"""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from cnmessage_broker.loop.effects import Push
from cnmessage_broker.loop.listeners import Attachment, Attachments
from cnmessage_broker.store.ports.messages import Store
from cnmessage_broker.store.ports.records import Account, FileRow, Stored, Submission
from cnmessage_protocol.deliveries import PUSH_ITEMS, Items
from cnmessage_protocol.errors import ErrorCode, RequestError
from cnmessage_protocol.ids import MessageId
from cnmessage_protocol.records import TO_EVERYONE, Direction, FileFacts, Kind, Outgoing, row_size

PUSH_BYTES = 1 << 17
"""About the most bytes of body in one delivery."""


def address(
    store: Store,
    attachments: Attachments,
    sender: Account,
    message: Outgoing,
    identity: MessageId,
    now_ms: int,
) -> Submission:
    """Resolve the names of a message; RequestError names the one that is no user.

    A recipient who blocks the sender gets nothing, and the sender is not told.
    """
    if message.to == TO_EVERYONE:
        kind = Kind.BROADCAST
        recipients = [owner for owner in attachments.online_owners() if owner != sender.id]
    else:
        kind = Kind.DIRECT
        recipients = [existing(store, name) for name in message.to]
    return Submission(
        identity,
        message.client_id,
        sender.id,
        sender.name,
        tuple(recipients),
        message.to,
        kind,
        message.body,
        now_ms,
        frozenset(store.blockers_of(sender.id)),
    )


def address_file(
    store: Store, sender: Account, row: FileRow, facts: FileFacts, identity: MessageId, now_ms: int
) -> Submission:
    """The message that offers an uploaded file; it has the upload's client id and its note as body.

    Who blocks the sender is asked now, not when the upload began.
    """
    return Submission(
        identity,
        row.client_id,
        sender.id,
        sender.name,
        tuple([existing(store, name) for name in row.to]),
        row.to,
        Kind.FILE,
        row.note,
        now_ms,
        frozenset(store.blockers_of(sender.id)),
        facts,
    )


def existing(store: Store, name: str) -> int:
    """The account of a name; RequestError when it is no user."""
    account = store.account_by_name(name)
    if account is None:
        raise RequestError(
            ErrorCode.NO_SUCH_USER,
            f"there is no user '{name}'; 'cnmessage users' lists those there are",
        )
    return account.id


def pushes(attachments: Attachments, stored: Iterable[tuple[Submission, Stored]]) -> Iterable[Push]:
    """Deliveries of freshly stored messages to all who are online, in lists, in order."""
    rows: defaultdict[int, list[tuple[int, int, list[Any]]]] = defaultdict(list)
    online = attachments.online_owners()
    for new, place in stored:
        if not place.fresh:
            continue
        size = row_size(new.body, new.to, new.file)
        own = False
        for owner, seq in place.places:
            if owner == new.sender:
                own = True
            if seq and owner in online:
                rows[owner].append((seq, size, _row(new, seq, Direction.RECEIVED, owner)))
        if not own and new.sender in online:
            rows[new.sender].append((place.seq, size, _row(new, place.seq, Direction.SENT, new.sender)))
    for owner, items in rows.items():
        for attachment in attachments.of(owner):
            yield from _lists(attachment, items)


def _row(new: Submission, seq: int, direction: Direction, owner: int) -> list[Any]:
    client_id = new.client_id if owner == new.sender else None
    return [
        seq,
        direction,
        new.id,
        new.kind,
        new.sender_name,
        new.to,
        new.time,
        new.body,
        client_id,
        None if new.file is None else new.file.row(),
    ]


def _lists(attachment: Attachment, items: list[tuple[int, int, list[Any]]]) -> Iterable[Push]:
    batch: list[Any] = []
    filled = 0
    for seq, size, row in items:
        if not attachment.takes(seq, size):
            break  # it is behind: its next heartbeat tells it so, and it fetches
        if batch and (len(batch) == PUSH_ITEMS or filled + size > PUSH_BYTES):
            yield Push(attachment, Items.KIND, {"items": batch})
            batch, filled = [], 0
        batch.append(row)
        filled += size
    if batch:
        yield Push(attachment, Items.KIND, {"items": batch})


def notices(attachments: Attachments, kind: str, values: dict[str, Any]) -> Iterable[Push]:
    """The same notice to everyone who is online."""
    return [Push(attachment, kind, values) for attachment in attachments.all() if attachment.granted]

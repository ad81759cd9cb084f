"""Reading inboxes and receipts out of the SQLite file; nothing here writes.

Every page ends at its limit of bytes while it is read, not after: what one user asks for is what the others
wait for.
"""

import struct
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cnmessage_broker.store.ports.records import (
    Account,
    AccountId,
    ConversationRow,
    Found,
    Owner,
    Place,
    Query,
)
from cnmessage_broker.store.sqlite.looking_back import LookingBack
from cnmessage_broker.store.sqlite.places import PLACE_SIZE, unpack_places
from cnmessage_broker.store.sqlite.sections import EVERYONE
from cnmessage_broker.store.sqlite.statements import Statements
from cnmessage_protocol.conversation import Conversation, Direct, Everyone
from cnmessage_protocol.ids import ClientId, MessageId, UserName
from cnmessage_protocol.records import NO_EXTRAS, Direction, FileFacts, InboxItem, Kind, row_size

_SMALLEST_ITEM = row_size("", ())


class Inboxes:
    """Items by their number. `facts(message)` gives what is known of the file that a message offers, and the
    extras of its row.
    """

    def __init__(
        self,
        db: Statements,
        looking: LookingBack,
        accounts: Mapping[AccountId, Account],
        facts: Callable[[bytes], tuple[FileFacts | None, Mapping[str, Any]]],
    ) -> None:
        self._db = db
        self._looking = looking
        self._accounts = accounts
        self._facts = facts

    def after(self, owner: Owner, after: int, limit: int, max_bytes: int) -> Sequence[InboxItem]:
        """See Store.inbox_after."""
        chosen: list[InboxItem] = []
        size = 0
        for row in self._db.each("inbox_after", (owner, after, limit)):
            item = self._item(owner, row)
            size += item.size
            if chosen and size > max_bytes:
                break
            chosen.append(item)
            if size + _SMALLEST_ITEM > max_bytes:
                break  # not even the smallest one fits: do not fetch the next, which may be large
        return chosen

    def history(self, owner: Owner, query: Query) -> Found:
        """See Store.history."""
        ((head, floor, _unread),) = self._db.run("how_read", (owner,))
        if query.unread_only:
            mark = 0 if query.conversation is None else self._looking.read_in(owner, query.conversation)
            query = replace(query, above=max(query.above, floor, mark), received_only=True)
        upto = head if query.upto is None else min(query.upto, head)
        chosen: list[InboxItem] = []
        size, before = 0, min(query.above, upto) + 1
        for seq in self._looking.matches(owner, query, head):
            item = self._at(owner, seq)
            size += item.size
            if chosen and size > query.max_bytes:
                before = seq + 1
                break
            chosen.append(item)
            if len(chosen) == query.limit:
                before = seq
                break
        return Found(chosen[::-1], more=before - 1 > query.above, before=before)

    def conversations(
        self, owner: Owner, behind: Place | None, limit: int, max_bytes: int
    ) -> Sequence[ConversationRow]:
        """See Store.conversations."""
        found: list[ConversationRow] = []
        size = 0
        ((head, floor, unread),) = self._db.run("how_read", (owner,))
        for peer, seq in self._looking.conversations(owner, head, behind, limit):
            last = self._at(owner, seq)
            size += last.size
            if found and size > max_bytes:
                break
            read = max(floor, self._looking.mark(owner, peer))
            count = self._looking.received_in(owner, peer, read, head) if unread else 0
            found.append(ConversationRow(self._conversation(peer), count, read, last))
        return found

    def _conversation(self, peer: AccountId) -> Conversation:
        try:
            return Everyone() if peer == EVERYONE else Direct(self._accounts[peer].name)
        except KeyError as error:
            raise self._db.damage(error) from error

    def receipts(
        self, sender: AccountId, ids: Sequence[MessageId], limit: int
    ) -> Mapping[MessageId, Sequence[tuple[UserName, bool, bool]]]:
        """See Store.receipts."""
        found: dict[MessageId, Sequence[tuple[UserName, bool, bool]]] = {}
        for identity in dict.fromkeys(ids):
            for places, peer in self._db.run("receipts", (limit * PLACE_SIZE, identity, sender)):
                found[identity] = self._progress(self.places(places), peer)
        return found

    def places(self, packed: bytes) -> list[tuple[Owner, int]]:
        """Where a message went: recipients, and the number of its item in their inboxes."""
        try:
            return unpack_places(packed)
        except struct.error as error:
            raise self._db.damage(error) from error

    def _progress(
        self, places: Sequence[tuple[Owner, int]], peer: AccountId
    ) -> list[tuple[UserName, bool, bool]]:
        rows = self._db.run("progress", (peer, str([owner for owner, _ in places])))
        marks = {owner: (received, read) for owner, received, read in rows}
        try:
            return [
                (self._accounts[owner].name, 0 < seq <= marks[owner][0], 0 < seq <= marks[owner][1])
                for owner, seq in places
            ]
        except KeyError as error:
            raise self._db.damage(error) from error

    def _at(self, owner: Owner, seq: int) -> InboxItem:
        (row,) = self._db.run("item", (owner, seq))
        return self._item(owner, row)

    def _item(self, owner: Owner, row: Sequence[Any]) -> InboxItem:
        seq, direction, identity, kind, sender, to, time, body, client_id = row
        try:
            file, extras = self._facts(identity) if kind == Kind.FILE else (None, NO_EXTRAS)
            return InboxItem(
                seq=seq,
                direction=Direction(direction),
                id=MessageId(identity),
                kind=Kind(kind),
                sender=self._accounts[sender].name,
                to=tuple([UserName(name) for name in to.split()]),
                time=time,
                body=body,
                client_id=ClientId(client_id) if sender == owner else None,
                file=file,
                extras=extras,
            )
        except (KeyError, ValueError) as error:
            raise self._db.damage(error) from error

"""What a group does to inboxes, within its transaction: its items get numbers, sections fill, marks move on.

Knows nothing of what the items are.
"""

from collections.abc import Callable
from dataclasses import replace

from cnmessage_broker.store.ports.records import AccountId, Group, Marks, Owner
from cnmessage_broker.store.sqlite.looking_back import received_in
from cnmessage_broker.store.sqlite.sections import EVERYONE, Sections
from cnmessage_broker.store.sqlite.statements import Statements
from cnmessage_protocol.conversation import Conversation


class Growth:
    """One group's. `before` gives the marks that held before it, `peer_of` whom a conversation is with; a
    section has `section` items.
    """

    def __init__(
        self,
        statements: Statements,
        before: Callable[[Owner], Marks],
        peer_of: Callable[[Conversation], AccountId],
        section: int,
    ) -> None:
        self._statements = statements
        self._before = before
        self._peer_of = peer_of
        self._section = section
        self._heads: dict[Owner, int] = {}
        self._copies: dict[Owner, int] = {}

    def next_seq(self, owner: Owner) -> int:
        """The seq of one more item that the owner has received."""
        head = self._heads.get(owner)
        if head is None:
            head = self._before(owner).head
        self._heads[owner] = head + 1
        return head + 1

    def next_copy(self, owner: Owner) -> int:
        """The seq of one more item that the owner has sent."""
        self._copies[owner] = self._copies.get(owner, 0) + 1
        return self.next_seq(owner)

    def fill_sections(self) -> None:
        """Describe the sections that have become full; their items are written already."""
        for owner, head in self._heads.items():
            sections = Sections(owner, self._section)
            for number in sections.filled(self._before(owner).head, head):
                there = {"owner": owner, "first": sections.first(number), "last": sections.last(number)}
                self._statements.run("sort_section", there)
                self._statements.run("describe_section", {**there, "number": number})

    def marks(self, group: Group) -> dict[Owner, Marks]:
        """The marks that the group changes: first its messages, then what was read and received, then who
        came and went.
        """
        after = {owner: self._grown(owner, head) for owner, head in self._heads.items()}
        for owner, upto in group.read.items():
            known = after.get(owner) or self._before(owner)
            after[owner] = self._read(owner, known, max(known.read, min(upto, known.head)))
        for (owner, conversation), upto in group.read_in.items():
            known = after.get(owner) or self._before(owner)
            after[owner] = self._read_in(owner, known, self._peer_of(conversation), min(upto, known.head))
        for owner, upto in group.received.items():
            known = after.get(owner) or self._before(owner)
            after[owner] = replace(known, received=max(known.received, min(upto, known.head)))
        for owner, online, _ in group.presence:
            known = after.get(owner) or self._before(owner)
            away = (known.away_from, known.head) if online else (known.head, None)
            after[owner] = replace(known, away_from=away[0], away_upto=away[1])
        return {owner: marks for owner, marks in after.items() if marks != self._before(owner)}

    def _grown(self, owner: Owner, head: int) -> Marks:
        known = self._before(owner)
        received = head - known.head - self._copies.get(owner, 0)
        return replace(known, head=head, unread=known.unread + received)

    def _read(self, owner: Owner, known: Marks, upto: int) -> Marks:
        if upto == known.read:
            return known
        unread = 0
        if upto < known.head:
            unread = known.unread - self._received(owner, known.read, upto)
            for peer, mark in self._statements.run("conversation_marks", (owner,)):
                unread += self._received_in(owner, known, peer, known.read, min(mark, upto))
        self._statements.run("drop_conversation_marks", (owner, upto))
        return replace(known, read=upto, received=max(known.received, upto), unread=unread)

    def _read_in(self, owner: Owner, known: Marks, peer: AccountId, upto: int) -> Marks:
        mark = dict(self._statements.run("conversation_marks", (owner,))).get(peer, known.read)
        if peer < EVERYONE or upto <= mark:
            return known
        unread = known.unread - self._received_in(owner, known, peer, mark, upto)
        if not unread:
            return self._read(owner, known, known.head)
        self._statements.run("set_conversation_mark", (owner, peer, upto))
        return replace(known, unread=unread)

    def _received_in(self, owner: Owner, known: Marks, peer: AccountId, above: int, upto: int) -> int:
        sections = Sections(owner, self._section)
        return received_in(self._statements, sections, peer, above, upto, known.head)

    def _received(self, owner: Owner, above: int, upto: int) -> int:
        """How many received items have a seq in above < seq ≤ upto."""
        if upto == above:
            return 0
        sections = Sections(owner, self._section)
        whole = sections.whole(above, upto)
        low, high = upto + 1, upto
        if whole:
            low, high = sections.first(whole.start), sections.last(whole.stop - 1)
        bounds = {"owner": owner, "above": above, "upto": upto, "low": low, "high": high}
        between = {**bounds, "first": whole.start, "last": whole.stop - 1}
        ((count,),) = self._statements.run("received_between", between)
        return int(count)
